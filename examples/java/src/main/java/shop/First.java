package shop;

import headgate.v1.EventOuterClass.Event;
import headgate.v1.TrackServiceOuterClass.TrackRequest;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** Sends one event. docs/send/clients.md shows these lines. */
public class First {
  public static void main(String[] arguments) throws Exception {
    try (Gate gate = new Gate(System.getenv("HEADGATE_ADDRESS"), "")) {
      Event event =
          Event.newBuilder()
              .setEventName("order_completed")
              .setUserId("u-1")
              .setIdempotencyKey(UUID.randomUUID().toString()) // one per event, same on every retry
              .setPropertiesJson("{\"order_id\": \"A-1\", \"total\": 49.9, \"currency\": \"EUR\"}")
              .build();
      var request = TrackRequest.newBuilder().setEvent(event).build();
      System.out.println(gate.within(30, TimeUnit.SECONDS).track(request).getResult());
    }
  }
}
