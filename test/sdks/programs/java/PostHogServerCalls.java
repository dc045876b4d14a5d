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
    String text = waitForFlush(printed);
    posthog.close();
    System.setOut(output);
    Matcher failure = Pattern.compile("Flushing failed: .*").matcher(text);
    if (failure.find()) program.failAll("it printed: " + failure.group());
    program.end("it printed no error");
  }

  /** What it printed about its last batch. After an error it pauses for 5 s and sends the batch again. */
  private static String waitForFlush(ByteArrayOutputStream printed) throws InterruptedException {
    String last = "";
    // The error follows its answer: one more look.
    boolean wasAnswered = false;
    for (int tries = 0; tries < 150; tries += 1) {
      String[] batches = printed.toString().split("Flushing \\d+ events");
      last = batches[batches.length - 1];
      if (wasAnswered && !last.contains("Flushing failed")) break;
      wasAnswered = batches.length > 1 && last.contains("Response ");
      Thread.sleep(100);
    }
    return last;
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
