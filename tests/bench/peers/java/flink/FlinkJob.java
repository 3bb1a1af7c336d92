import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The job on a local Flink, exactly once, states on the heap: {@code FlinkJob PARALLELISM}. */
public final class FlinkJob {
  private static final long CHECKPOINT_MS = 1_000;

  private FlinkJob() {}

  public static final class Message {
    public String key;
    public byte[] value;

    public Message() {}

    Message(String key, byte[] value) {
      this.key = key;
      this.value = value;
    }
  }

  static final class Read implements KafkaRecordDeserializationSchema<Message> {
    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Message> out) {
      out.collect(new Message(new String(record.key()), record.value()));
    }

    @Override
    public TypeInformation<Message> getProducedType() {
      return TypeInformation.of(Message.class);
    }
  }

  static final class Tiering extends KeyedProcessFunction<String, Message, Message> {
    private transient ValueState<Job.State> states;

    @Override
    public void open(OpenContext context) {
      states = getRuntimeContext().getState(new ValueStateDescriptor<>("states", Job.State.class));
    }

    @Override
    public void processElement(Message message, Context context, Collector<Message> out)
        throws Exception {
      Job.Event event = Job.read(message.value);
      Job.State state = states.value();
      if (state == null) state = new Job.State();
      Job.Change change = Job.update(state, message.key, event);
      states.update(state);
      if (change != null) out.collect(new Message(message.key, change.bytes()));
    }
  }

  static final class Write implements KafkaRecordSerializationSchema<Message> {
    private final String topic;

    Write(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(
        Message message, KafkaSinkContext context, Long timestamp) {
      return new ProducerRecord<>(topic, message.key.getBytes(), message.value);
    }
  }

  public static void main(String[] arguments) throws Exception {
    String bootstrap = System.getenv("PEER_BOOTSTRAP"), group = System.getenv("PEER_GROUP");
    Configuration settings = new Configuration();
    settings.setString("execution.checkpointing.storage", "filesystem");
    settings.setString("execution.checkpointing.dir", "file://" + System.getenv("PEER_FOLDER"));
    settings.setString("pipeline.object-reuse", "true");
    StreamExecutionEnvironment flink =
        StreamExecutionEnvironment.createLocalEnvironment(Integer.parseInt(arguments[0]), settings);
    flink.enableCheckpointing(CHECKPOINT_MS, CheckpointingMode.EXACTLY_ONCE);

    KafkaSource<Message> source = KafkaSource.<Message>builder()
        .setBootstrapServers(bootstrap)
        .setTopics(System.getenv("PEER_INPUT"))
        .setGroupId(group)
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setBounded(OffsetsInitializer.latest()) // the last outputs need not wait for a checkpoint
        .setDeserializer(new Read())
        .build();
    KafkaSink<Message> sink = KafkaSink.<Message>builder()
        .setBootstrapServers(bootstrap)
        .setRecordSerializer(new Write(System.getenv("PEER_OUTPUT")))
        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .setTransactionalIdPrefix(group)
        .setProperty("transaction.timeout.ms", "600000")
        .build();
    flink.fromSource(source, WatermarkStrategy.noWatermarks(), "in")
        .keyBy(message -> message.key)
        .process(new Tiering())
        .sinkTo(sink);
    flink.execute("tiering");
  }
}
