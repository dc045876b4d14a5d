import com.posthog.java.PostHog;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Map;

/** Makes the calls by posthog-java, which reports nothing to its program: it prints that it gives up. */
public final class PostHogCalls {
  public static void main(String[] args) {
    Program program = new Program(args);
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    PrintStream output = System.out;
    System.setOut(new PrintStream(printed, true));
    PostHog posthog = new PostHog.Builder(program.key).host(program.url).build();
    for (Program.Call call : program.calls) {
      String user = call.marker();
      switch (call.name()) {
        case "identify" -> posthog.identify(user, Map.of("plan", "team"));
        case "page" -> posthog.capture(user, "$pageview", Map.of("$current_url", "https://x.example/"));
        case "screen" -> posthog.capture(user, "$screen", Map.of("$screen_name", "Cart"));
        case "alias" -> posthog.alias(user, "a1");
        case "decide" -> askFlag(program, posthog, user);
        default -> posthog.capture(user, "Order Completed", Program.order(call));
      }
    }
    posthog.shutdown();
    System.setOut(output);
    String text = printed.toString();
    if (text.contains("Giving up")) program.failAll("it printed: " + text.trim());
    program.end("it printed nothing");
  }

  private static void askFlag(Program program, PostHog posthog, String user) {
    try {
      program.settle(user, "getFeatureFlag returned " + posthog.getFeatureFlag("new-checkout", user));
    } catch (RuntimeException error) {
      program.fail(user, error);
    }
  }
}
