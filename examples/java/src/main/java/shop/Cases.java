package shop;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.util.JsonFormat;
import com.google.protobuf.util.Timestamps;
import headgate.v1.EventResultOuterClass.EventResult;
import headgate.v1.TrackServiceOuterClass.BatchTrackRequest;
import headgate.v1.TrackServiceOuterClass.TrackRequest;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Sends what it reads from standard input and writes what it was answered, a JSON object a line: for
 * npm run test:clients, which holds every language to the same cases.
 */
public final class Cases {
  private static final ScheduledExecutorService CLOCK =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            return thread;
          });

  public static void main(String[] arguments) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      out.println(obey(JsonParser.parseString(line).getAsJsonObject()));
    }
  }

  private static JsonObject obey(JsonObject order) throws Exception {
    Context.CancellableContext context = Context.current().withCancellation();
    int cancelAfterMs = order.get("cancelAfterMs").getAsInt();
    if (cancelAfterMs > 0) {
      CLOCK.schedule(() -> context.cancel(null), cancelAfterMs, TimeUnit.MILLISECONDS);
    }
    try (Gate gate = new Gate(order.get("address").getAsString(), order.get("key").getAsString())) {
      return accepted(context.call(() -> send(gate, order)));
    } catch (StatusRuntimeException error) {
      return refused(Refusal.of(error));
    } finally {
      context.cancel(null);
    }
  }

  private static List<EventResult> send(Gate gate, JsonObject order) throws Exception {
    var stub = gate.within(order.get("deadlineMs").getAsLong(), TimeUnit.MILLISECONDS);
    if (order.get("gzip").getAsBoolean()) stub = stub.withCompression("gzip");
    String request = order.get("request").toString();
    if (order.get("rpc").getAsString().equals("Track")) {
      TrackRequest.Builder single = TrackRequest.newBuilder();
      JsonFormat.parser().merge(request, single);
      return List.of(stub.track(single.build()).getResult());
    }
    BatchTrackRequest.Builder batch = BatchTrackRequest.newBuilder();
    JsonFormat.parser().merge(request, batch);
    return stub.batchTrack(batch.build()).getResultsList();
  }

  private static JsonObject accepted(List<EventResult> results) {
    JsonArray verdicts = new JsonArray();
    for (EventResult result : results) {
      JsonArray violations = new JsonArray();
      result
          .getError()
          .getViolationsList()
          .forEach(each -> violations.add(place(each.getPath(), each.getCode())));
      JsonObject verdict = new JsonObject();
      verdict.addProperty("index", result.getIndex());
      verdict.addProperty("idempotencyKey", result.getIdempotencyKey());
      verdict.addProperty("eventId", result.getEventId());
      verdict.addProperty("status", result.getStatus().name());
      verdict.addProperty("sequence", result.getSequence());
      verdict.addProperty("schemaVersion", result.getSchemaVersion());
      verdict.addProperty("timestampMs", Timestamps.toMillis(result.getTimestamp()));
      verdict.addProperty("code", result.getError().getCode());
      verdict.add("violations", violations);
      verdict.addProperty("warnings", result.getWarningsCount());
      verdicts.add(verdict);
    }
    return answer("OK", verdicts, "", "", new JsonArray(), 0);
  }

  private static JsonObject refused(Refusal refusal) {
    JsonArray violations = new JsonArray();
    refusal.violations().forEach(each -> violations.add(place(each.getField(), each.getReason())));
    long retryAfterMs = refusal.retryAfter().toMillis();
    String status = refusal.status().name();
    return answer(status, new JsonArray(), refusal.code(), refusal.help(), violations, retryAfterMs);
  }

  private static JsonObject answer(
      String status, JsonArray results, String code, String help, JsonArray violations, long retryAfterMs) {
    JsonObject answer = new JsonObject();
    answer.addProperty("status", status);
    answer.add("results", results);
    answer.addProperty("code", code);
    answer.addProperty("help", help);
    answer.add("violations", violations);
    answer.addProperty("retryAfterMs", retryAfterMs);
    return answer;
  }

  private static JsonObject place(String path, String code) {
    JsonObject place = new JsonObject();
    place.addProperty("path", path);
    place.addProperty("code", code);
    return place;
  }
}
