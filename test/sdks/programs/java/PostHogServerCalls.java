import com.posthog.server.PostHog;
import com.posthog.server.PostHogCaptureOptions;
import com.posthog.server.PostHogConfig;
import com.posthog.server.PostHogInterface;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Map;

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
        case "flags" ->
            program.settle(
                user, "getFeatureFlag returned " + posthog.getFeatureFlag(user, "new-checkout"));
        default -> capture(posthog, user, "Order Completed", Program.order(call));
      }
    }
    posthog.flush();
    Thread.sleep(8000);
    posthog.close();
    System.setOut(output);
    System.out.println(printed);
    program.end("it printed no error");
  }

  private static void capture(
      PostHogInterface posthog, String user, String event, Map<String, Object> properties) {
    posthog.capture(user, event, PostHogCaptureOptions.builder().properties(properties).build());
  }
}
