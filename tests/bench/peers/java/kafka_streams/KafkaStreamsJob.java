import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The job on Kafka Streams, exactly once: {@code KafkaStreamsJob THREADS rocksdb|memory}. */
public final class KafkaStreamsJob {
  private static final String STATES = "states";

  private KafkaStreamsJob() {}

  static final class Tiering implements Processor<String, byte[], String, byte[]> {
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Job.State> states;

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      states = context.getStateStore(STATES);
    }

    @Override
    public void process(Record<String, byte[]> record) {
      try {
        Job.Event event = Job.read(record.value());
        Job.State state = states.get(record.key());
        if (state == null) state = new Job.State();
        Job.Change change = Job.update(state, record.key(), event);
        states.put(record.key(), state);
        if (change != null) context.forward(record.withValue(change.bytes()));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  /** A compact form: JSON would cost a state several times as much. */
  static Serde<Job.State> states() {
    Serializer<Job.State> write = (topic, state) -> {
      if (state == null) return null;
      long[][] parts = {state.sales, state.answers, state.complaints};
      int size = 1;
      for (long[] part : parts) size += 2 + Long.BYTES * part.length;
      ByteBuffer bytes = ByteBuffer.allocate(size).put((byte) state.tier);
      for (long[] part : parts) {
        bytes.putShort((short) part.length);
        for (long number : part) bytes.putLong(number);
      }
      return bytes.array();
    };
    Deserializer<Job.State> read = (topic, value) -> {
      if (value == null) return null;
      ByteBuffer bytes = ByteBuffer.wrap(value);
      Job.State state = new Job.State();
      state.tier = bytes.get();
      state.sales = longs(bytes);
      state.answers = longs(bytes);
      state.complaints = longs(bytes);
      return state;
    };
    return Serdes.serdeFrom(write, read);
  }

  private static long[] longs(ByteBuffer bytes) {
    long[] numbers = new long[bytes.getShort()];
    for (int i = 0; i < numbers.length; i++) numbers[i] = bytes.getLong();
    return numbers;
  }

  public static void main(String[] arguments) {
    var supplier = arguments[1].equals("memory")
        ? Stores.inMemoryKeyValueStore(STATES)
        : Stores.persistentKeyValueStore(STATES);
    Topology topology = new Topology();
    topology
        .addSource("in", new StringDeserializer(), new ByteArrayDeserializer(), System.getenv("PEER_INPUT"))
        .addProcessor("tiering", Tiering::new, "in")
        .addStateStore(Stores.keyValueStoreBuilder(supplier, Serdes.String(), states()), "tiering")
        .addSink("out", System.getenv("PEER_OUTPUT"), new StringSerializer(), new ByteArraySerializer(), "tiering");

    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("PEER_GROUP"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("PEER_BOOTSTRAP"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("PEER_FOLDER"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(arguments[0]));
    settings.put("auto.offset.reset", "earliest");

    KafkaStreams streams = new KafkaStreams(topology, settings);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(3);
      return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
    streams.start();
  }
}
