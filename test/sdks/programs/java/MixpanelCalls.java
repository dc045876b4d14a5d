import com.mixpanel.mixpanelapi.ClientDelivery;
import com.mixpanel.mixpanelapi.MessageBuilder;
import com.mixpanel.mixpanelapi.MixpanelAPI;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.json.JSONObject;

/** Makes the calls by mixpanel-java: each kind in a delivery of its own. */
public final class MixpanelCalls {
  public static void main(String[] args) throws Exception {
    Program program = new Program(args);
    MixpanelAPI mixpanel = connect(program.url);
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

  /** Versions before 1.5 have no groups, so that these are reached by reflection. */
  private static MixpanelAPI connect(String url) throws ReflectiveOperationException {
    try {
      return MixpanelAPI.class
          .getConstructor(String.class, String.class, String.class)
          .newInstance(url + "/track", url + "/engage", url + "/groups");
    } catch (NoSuchMethodException error) {
      return new MixpanelAPI(url + "/track", url + "/engage");
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
