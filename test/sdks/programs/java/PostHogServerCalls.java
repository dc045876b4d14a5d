import com.posthog.server.PostHog;
import com.posthog.server.PostHogCaptureOptions;
import com.posthog.server.PostHogConfig;
import com.posthog.server.PostHogInterface;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Makes the calls by posthog-server, which reports nothing to its program: with debug, it prints. */
public final class PostHogServerCalls {
  public static void main(String[] args) throws Exception {
    Program program = new Program(args);
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    PrintStream output = System.out;
    System.setOut(new PrintStream(printed, true));
    PostHogConfig config =
        new PostHogConfig.Builder(program.key)
            .host(program.url)
            .debug(true)
            .flushIntervalSeconds(1)
            .sendFeatureFlagEvent(false)
            .build();
    PostHogInterface posthog = PostHog.with(config);
    for (Program.Call call : program.calls) {
      String user = call.marker();
      switch (call.name()) {
        case "identify" -> posthog.identify(user, Map.of("plan", "team"));
        case "page" -> capture(posthog, user, "$pageview", Map.of("$current_url", "https://x.example/"));
        case "screen" -> capture(posthog, user, "$screen", Map.of("$screen_name", "Cart"));
        case "group" -> posthog.group(user, "company", "g1", Map.of("seats", 3));
        case "alias" -> posthog.alias(user, "a1");
        case "flags" -> askFlag(program, posthog, user, printed);
        default -> capture(posthog, user, "Order Completed", Program.order(call));
      }
    }
    posthog.flush();
    waitForAnswers(program, printed);
    posthog.close();
    System.setOut(output);
    String last = lastBatch(printed.toString());
    Matcher failure = Pattern.compile("Flushing failed: .*").matcher(last);
    if (failure.find()) program.failAll("it printed: " + failure.group());
    program.end("it printed no error");
  }

  /**
   * Closed earlier, it would drop what it has not sent. It prints how many events a batch has, then the answer, then
   * an error; after an error it pauses for 5 s and sends the batch again.
   */
  private static void waitForAnswers(Program program, ByteArrayOutputStream printed)
      throws InterruptedException {
    long events = program.calls.stream().filter(call -> !call.name().equals("flags")).count();
    Pattern batch = Pattern.compile("Flushing (\\d+) events((?s).*?)(?=Flushing \\d+ events|$)");
    for (int tries = 0; tries < 150; tries += 1) {
      int sent = 0;
      Matcher batches = batch.matcher(printed.toString());
      while (batches.find()) {
        boolean isSent = batches.group(2).contains("Response ");
        if (isSent && !batches.group(2).contains("Flushing failed")) sent += Integer.parseInt(batches.group(1));
      }
      Thread.sleep(100);
      // The error follows the answer: one more look.
      if (sent >= events && !printed.toString().contains("Flushing failed")) break;
      if (sent >= events && tries > 60) break;
    }
  }

  private static String lastBatch(String text) {
    String[] batches = text.split("Flushing \\d+ events");
    return batches[batches.length - 1];
  }

  private static void askFlag(
      Program program, PostHogInterface posthog, String user, ByteArrayOutputStream printed) {
    Object value = posthog.getFeatureFlag(user, "new-checkout");
    String error = "Loading remote feature flags API error";
    if (printed.toString().contains(error)) program.fail(user, "it printed: " + error);
    else program.settle(user, "getFeatureFlag returned " + value);
  }

  private static void capture(
      PostHogInterface posthog, String user, String event, Map<String, Object> properties) {
    posthog.capture(user, event, PostHogCaptureOptions.builder().properties(properties).build());
  }
}
