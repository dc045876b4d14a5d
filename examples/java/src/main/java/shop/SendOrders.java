package shop;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Timestamps;
import com.google.rpc.BadRequest.FieldViolation;
import headgate.v1.EventOuterClass.Event;
import headgate.v1.EventResultOuterClass.EventResult;
import headgate.v1.TrackServiceOuterClass.BatchTrackRequest;
import headgate.v1.TrackServiceOuterClass.TrackRequest;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * Sends orders to a gate: one event alone, a batch with one bad event, then the bad event alone.
 */
public final class SendOrders {
  private static final int DEADLINE_SECONDS = 30;

  public static void main(String[] arguments) throws Exception {
    String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:8080";
    String key = System.getenv().getOrDefault("HEADGATE_WRITE_KEY", "");
    try (Gate gate = new Gate(address, key)) {
      Event first = orderCompleted("A-1001", 49.9);
      Event second = orderCompleted("A-1002", 20);
      Event bad = orderCompleted("A-1003", -5);
      trackAlone(gate, first);
      trackAll(gate, List.of(first, second, bad));
      trackAlone(gate, bad);
    }
  }

  /**
   * Creates an event with its idempotency key. Store them together, for example in your own
   * database: the event must have this key whenever it is sent again.
   */
  private static Event orderCompleted(String orderId, double total) {
    String properties = "{\"order_id\": \"%s\", \"total\": %s, \"currency\": \"EUR\"}";
    return Event.newBuilder()
        .setEventName("order_completed")
        .setUserId("u-1")
        .setIdempotencyKey(UUID.randomUUID().toString())
        // As text, numbers keep all their digits.
        .setPropertiesJson(String.format(Locale.ROOT, properties, orderId, total))
        .setOccurredAt(Timestamps.now())
        .build();
  }

  /** Sends one event. If the gate does not accept it, the call fails, with details. */
  private static void trackAlone(Gate gate, Event event) throws InvalidProtocolBufferException {
    TrackRequest request = TrackRequest.newBuilder().setEvent(event).build();
    try {
      EventResult result = gate.within(DEADLINE_SECONDS, TimeUnit.SECONDS).track(request).getResult();
      System.out.println("alone: " + result.getStatus());
    } catch (StatusRuntimeException error) {
      Refusal refusal = Refusal.of(error);
      System.out.printf("alone: %s: %s, see %s%n", refusal.status(), refusal.code(), refusal.help());
      for (FieldViolation violation : refusal.violations()) {
        System.out.printf("  %s %s%n", violation.getField(), violation.getReason());
      }
      if (!refusal.retryAfter().isZero()) {
        System.out.println("  send it again after " + refusal.retryAfter());
      }
    }
  }

  /**
   * Sends events until each has a final verdict. The call of a batch succeeds even if some events
   * do not: RETRY is the verdict of one event, and gRPC's own retries do not see it.
   */
  private static void trackAll(Gate gate, List<Event> events) throws InterruptedException {
    List<Event> waiting = events;
    while (!waiting.isEmpty()) {
      BatchTrackRequest request = BatchTrackRequest.newBuilder().addAllEvents(waiting).build();
      var answer = gate.within(DEADLINE_SECONDS, TimeUnit.SECONDS).batchTrack(request);
      List<Event> again = new ArrayList<>();
      for (EventResult result : answer.getResultsList()) {
        switch (result.getStatus()) {
          case RETRY -> again.add(waiting.get(result.getIndex()));
          case REJECTED ->
              System.out.printf("batch: REJECTED: %s%n", result.getError().getMessage());
          // ACCEPTED, or DUPLICATE if it was stored before.
          default -> System.out.println("batch: " + result.getStatus());
        }
      }
      if (!again.isEmpty()) Thread.sleep(1000);
      waiting = again;
    }
  }
}
