import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.util.Arrays;
import java.util.Set;
import java.util.regex.Pattern;

/** The job of the comparison, as {@code job.py} states it: a state, an event, a change of tier. */
public final class Job {
  private static final int DAY_S = 86_400, YEAR_DAYS = 365, QUARTER_DAYS = 90;
  private static final String[] TIERS = {"standard", "silver", "gold", "platinum"};
  private static final int[] POINTS = {3, 6, 9}; // for silver, gold, platinum
  private static final long[] SPEND = {20_000, 50_000, 100_000, 200_000, 400_000};
  private static final long[] ORDERS = {1, 2, 3, 4, 5};
  private static final long[] RECENT_DAYS = {40, 50, 60, 70, 80};
  private static final long[] VISITS = {2, 4, 6, 8, 10};
  private static final double[] ANSWER = {2.5, 3.0, 3.5, 4.0, 4.5};
  private static final long[] TROUBLE = {1, 2, 3, 4, 5};

  private static final Pattern CURRENCY = Pattern.compile("[A-Z]{3}");
  private static final Set<String> SEVERITIES = Set.of("low", "medium", "high", "critical");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ObjectReader EVENT = JSON.readerFor(Event.class);
  private static final ObjectWriter CHANGE = JSON.writerFor(Change.class);

  private Job() {}

  /** An event of a customer; what the job does not need is checked, and not kept. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public static final class Event {
    public String event, action, currency, severity;
    @JsonProperty("event_id") public String eventId;
    @JsonProperty("occurred_at") public long occurredAt = -1;
    @JsonProperty("net_amount_minor") public long netAmountMinor = -1;
    public int score;
  }

  /** What is kept of a customer: numbers by day, flat and in rising order of days. */
  public static final class State {
    public long[] sales = {}; // day, spend, orders
    public long[] answers = {}; // day, sum of scores, answers
    public long[] complaints = {}; // day, complaints
    public int tier = -1;
  }

  /** A change of tier, as it is published. */
  public record Change(
      @JsonProperty("customer_id") String customer,
      @JsonProperty("from_tier") String from,
      @JsonProperty("to_tier") String to,
      long at,
      String cause) {

    public byte[] bytes() throws IOException {
      return CHANGE.writeValueAsBytes(this);
    }
  }

  /** Read and check an event; throws where it is not one. */
  public static Event read(byte[] value) throws IOException {
    Event event = EVENT.readValue(value);
    boolean valid =
        event.eventId != null && !event.eventId.isEmpty() && event.eventId.length() <= 64
            && event.occurredAt >= 0
            && switch (event.event) {
              case "purchase" ->
                  event.netAmountMinor >= 0 && CURRENCY.matcher(event.currency).matches();
              case "feedback" -> event.score >= 1 && event.score <= 5;
              case "complaint" -> event.action != null && SEVERITIES.contains(event.severity);
              default -> false;
            };
    if (!valid) throw new IOException("not an event: " + new String(value));
    return event;
  }

  /** Take an event into a state; the change of tier where it leads to one, else null. */
  public static Change update(State state, String customer, Event event) {
    long day = event.occurredAt / DAY_S;
    switch (event.event) {
      case "purchase" -> state.sales = added(state.sales, day, event.netAmountMinor, 1);
      case "feedback" -> state.answers = added(state.answers, day, event.score, 1);
      default -> {
        if (event.action.equals("opened")) state.complaints = added(state.complaints, day, 1);
      }
    }
    int points = points(state, day), tier = 0;
    for (int bound : POINTS) if (points >= bound) tier++;
    if (tier == state.tier) return null;
    String before = state.tier < 0 ? null : TIERS[state.tier];
    state.tier = tier;
    return new Change(customer, before, TIERS[tier], event.occurredAt, event.eventId);
  }

  /** Add to a day's numbers; a new day drops those that no window reaches any more. */
  private static long[] added(long[] buckets, long day, long... amounts) {
    int width = 1 + amounts.length, end = buckets.length;
    if (end > 0 && buckets[end - width] == day) {
      for (int i = 1; i < width; i++) buckets[end - width + i] += amounts[i - 1];
      return buckets;
    }
    int first = 0;
    while (first < end && buckets[first] <= day - YEAR_DAYS) first += width;
    long[] longer = Arrays.copyOfRange(buckets, first, end + width);
    longer[end - first] = day;
    System.arraycopy(amounts, 0, longer, end - first + 1, amounts.length);
    return longer;
  }

  private static int points(State state, long day) {
    long year = day - YEAR_DAYS, quarter = day - QUARTER_DAYS;
    long spend = 0, orders = 0, scores = 0, answers = 0, complaints = 0;
    for (int i = 0; i < state.sales.length; i += 3) {
      if (state.sales[i] > year) spend += state.sales[i + 1];
      if (state.sales[i] > quarter) orders += state.sales[i + 2];
    }
    for (int i = 0; i < state.answers.length; i += 3) {
      if (state.answers[i] > year) {
        scores += state.answers[i + 1];
        answers += state.answers[i + 2];
      }
    }
    for (int i = 0; i < state.complaints.length; i += 2) {
      if (state.complaints[i] > quarter) complaints += state.complaints[i + 1];
    }
    int points = 0;
    for (int i = 0; i < 5; i++) {
      if (spend >= SPEND[i] && orders >= ORDERS[i]) points++;
      if (complaints >= TROUBLE[i]) points--;
    }
    if (state.sales.length > 0) {
      long since = day - state.sales[state.sales.length - 3];
      for (int i = 0; i < 5; i++) if (since < RECENT_DAYS[i] && orders >= VISITS[i]) points++;
    }
    if (answers > 0) {
      double mean = (double) scores / answers;
      for (double bound : ANSWER) if (mean >= bound) points++;
    }
    return points;
  }
}
