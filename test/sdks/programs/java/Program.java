import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** What the programs of Java's SDKs share: the calls that they make, and how they report. */
final class Program {
  /** `track=MARKER`, or `track!=MARKER` for an event that breaks its schema. */
  record Call(String name, String marker, boolean isGood) {}

  final String url;
  final String key;
  final boolean isGzip;
  final List<Call> calls = new ArrayList<>();
  private final Map<String, String> failed = new ConcurrentHashMap<>();
  private final Set<String> broken = ConcurrentHashMap.newKeySet();
  private final Map<String, String> sent = new ConcurrentHashMap<>();

  Program(String[] args) {
    url = args[0];
    key = args[1];
    isGzip = args[2].equals("gzip");
    for (int index = 3; index < args.length; index += 1) {
      String[] parts = args[index].split("=", 2);
      boolean isGood = !parts[0].endsWith("!");
      calls.add(new Call(parts[0].replace("!", ""), parts[1], isGood));
    }
  }

  static Map<String, Object> order(Call call) {
    Map<String, Object> order = new LinkedHashMap<>();
    order.put("order_id", call.marker());
    if (call.isGood()) {
      order.put("total", 12.5);
      order.put("currency", "EUR");
    }
    return order;
  }

  void fail(String marker, String why) {
    failed.put(marker, why);
  }

  /** Marks a call whose answer the SDK did not understand. */
  void fail(String marker, RuntimeException error) {
    failed.put(marker, error.toString());
    broken.add(marker);
  }

  void failAll(String why) {
    for (Call call : calls) failed.putIfAbsent(call.marker(), why);
  }

  void settle(String marker, String shown) {
    sent.put(marker, shown);
  }

  boolean isSettled() {
    return calls.stream()
        .allMatch(call -> failed.containsKey(call.marker()) || sent.containsKey(call.marker()));
  }

  /** {@code otherwise}: by what the SDK shows that a call was sent; null: it says so of each. */
  void end(String otherwise) {
    for (Call call : calls) {
      String marker = call.marker();
      String why = failed.get(marker);
      if (why != null) report(marker, broken.contains(marker) ? "broke" : "failed", why);
      else if (sent.containsKey(marker)) report(marker, "sent", sent.get(marker));
      else if (otherwise != null) report(marker, "sent", otherwise);
    }
    System.out.println("report {\"end\": true}");
    System.exit(0);
  }

  private static void report(String marker, String belief, String why) {
    String text = why.replaceAll("[^ -~]", " ").replace("\\", "\\\\").replace("\"", "\\\"");
    String form = "report {\"marker\": \"%s\", \"belief\": \"%s\", \"why\": \"%s\"}%n";
    System.out.printf(form, marker, belief, text);
  }
}
