import com.mixpanel.mixpanelapi.ClientDelivery;
import com.mixpanel.mixpanelapi.MessageBuilder;
import com.mixpanel.mixpanelapi.MixpanelAPI;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.json.JSONObject;

/** Makes the calls by mixpanel-java: each kind in a delivery of its own. */
public final class MixpanelCalls {
  public static void main(String[] args) throws Exception {
    Program program = new Program(args);
    MixpanelAPI mixpanel = connect(program);
    MessageBuilder builder = new MessageBuilder(program.key);
    Map<String, List<Program.Call>> byName =
        program.calls.stream().collect(Collectors.groupingBy(Program.Call::name));
    for (List<Program.Call> calls : byName.values()) {
      ClientDelivery delivery = new ClientDelivery();
      for (Program.Call call : calls) delivery.addMessage(messageOf(builder, call));
      try {
        mixpanel.deliver(delivery);
      } catch (IOException error) {
        for (Program.Call call : calls) program.fail(call.marker(), error.toString());
      }
    }
    program.end("deliver returned without an error");
  }

  /** Old versions have no groups, and no compression: these are reached by reflection. */
  private static MixpanelAPI connect(Program program) throws ReflectiveOperationException {
    String[] urls =
        Stream.of("/track", "/engage", "/groups", "/import")
            .map(path -> program.url + path)
            .toArray(String[]::new);
    Class<String> text = String.class;
    if (program.isGzip) {
      return MixpanelAPI.class
          .getConstructor(text, text, text, text, boolean.class)
          .newInstance(urls[0], urls[1], urls[2], urls[3], true);
    }
    try {
      return MixpanelAPI.class.getConstructor(text, text, text).newInstance(urls[0], urls[1], urls[2]);
    } catch (NoSuchMethodException error) {
      return new MixpanelAPI(urls[0], urls[1]);
    }
  }

  private static JSONObject messageOf(MessageBuilder builder, Program.Call call)
      throws ReflectiveOperationException {
    String marker = call.marker();
    switch (call.name()) {
      case "engage":
        return builder.set(marker, new JSONObject(Map.of("plan", "team")));
      case "groups":
        return (JSONObject)
            MessageBuilder.class
                .getMethod("groupSet", String.class, String.class, JSONObject.class)
                .invoke(builder, "company", marker, new JSONObject(Map.of("seats", 3)));
      default:
        return builder.event(marker, "Order Completed", new JSONObject(Program.order(call)));
    }
  }
}
