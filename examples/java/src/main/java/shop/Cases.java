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
 * Reads calls from standard input, sends them, and writes the answers, one JSON object per
 * line. npm run test:clients uses it to test every language with the same cases.
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
      out.println(run(JsonParser.parseString(line).getAsJsonObject()));
    }
  }

  private static JsonObject run(JsonObject call) throws Exception {
    Context.CancellableContext context = Context.current().withCancellation();
    int cancelAfterMs = call.get("cancelAfterMs").getAsInt();
    if (cancelAfterMs > 0) {
      CLOCK.schedule(() -> context.cancel(null), cancelAfterMs, TimeUnit.MILLISECONDS);
    }
    try (Gate gate = new Gate(call.get("address").getAsString(), call.get("key").getAsString())) {
      return accepted(context.call(() -> send(gate, call)));
    } catch (StatusRuntimeException error) {
      return refused(Refusal.of(error));
    } finally {
      context.cancel(null);
    }
  }

  private static List<EventResult> send(Gate gate, JsonObject call) throws Exception {
    var stub = gate.within(call.get("deadlineMs").getAsLong(), TimeUnit.MILLISECONDS);
    if (call.get("gzip").getAsBoolean()) stub = stub.withCompression("gzip");
    String request = call.get("request").toString();
    if (call.get("rpc").getAsString().equals("Track")) {
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
          .forEach(each -> violations.add(violation(each.getPath(), each.getCode())));
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
    refusal
        .violations()
        .forEach(each -> violations.add(violation(each.getField(), each.getReason())));
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

  private static JsonObject violation(String path, String code) {
    JsonObject violation = new JsonObject();
    violation.addProperty("path", path);
    violation.addProperty("code", code);
    return violation;
  }
}
