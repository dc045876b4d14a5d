import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.AliasMessage;
import com.segment.analytics.messages.GroupMessage;
import com.segment.analytics.messages.IdentifyMessage;
import com.segment.analytics.messages.Message;
import com.segment.analytics.messages.MessageBuilder;
import com.segment.analytics.messages.ScreenMessage;
import com.segment.analytics.messages.TrackMessage;
import com.segment.analytics.messages.PageMessage;
import java.util.Map;

/** Makes the calls by analytics-java. */
public final class SegmentCalls {
  public static void main(String[] args) throws Exception {
    Program program = new Program(args);
    Callback callback =
        new Callback() {
          @Override
          public void success(Message message) {
            program.settle(message.userId().toString(), "its callback had no error");
          }

          @Override
          public void failure(Message message, Throwable error) {
            program.fail(message.userId().toString(), error.toString());
          }
        };
    Analytics analytics =
        Analytics.builder(program.key).endpoint(program.url + "/v1/segment").callback(callback).build();
    for (Program.Call call : program.calls) {
      analytics.enqueue(messageOf(call).userId(call.marker()));
    }
    analytics.flush();
    for (int tries = 0; tries < 400 && !program.isSettled(); tries += 1) Thread.sleep(100);
    analytics.shutdown();
    program.end(null);
  }

  private static MessageBuilder<?, ?> messageOf(Program.Call call) {
    switch (call.name()) {
      case "identify":
        return IdentifyMessage.builder().traits(Map.of("plan", "team"));
      case "page":
        return PageMessage.builder("Home").properties(Map.of("url", "https://x.example/"));
      case "screen":
        return ScreenMessage.builder("Cart");
      case "group":
        return GroupMessage.builder("g1").traits(Map.of("seats", 3));
      case "alias":
        return AliasMessage.builder("a1");
      default:
        return TrackMessage.builder("Order Completed").properties(Program.order(call));
    }
  }
}
