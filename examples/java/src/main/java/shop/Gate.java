package shop;

import headgate.v1.TrackServiceGrpc;
import headgate.v1.TrackServiceGrpc.TrackServiceBlockingStub;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A connection to a gate. One is enough for a program, because calls share it. */
public final class Gate implements AutoCloseable {
  /**
   * Makes gRPC send a call again if the gate is unavailable. No event counts twice, because the
   * same bytes are sent again, with the same idempotency key.
   */
  private static final Map<String, ?> RETRIES =
      Map.of(
          "methodConfig",
          List.of(
              Map.of(
                  "name", List.of(Map.of("service", "headgate.v1.TrackService")),
                  "timeout", "30s",
                  "retryPolicy",
                      Map.of(
                          "maxAttempts", 4.0,
                          "initialBackoff", "0.2s",
                          "maxBackoff", "5s",
                          "backoffMultiplier", 2.0,
                          "retryableStatusCodes", List.of("UNAVAILABLE")))));

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final ManagedChannel channel;
  private final TrackServiceBlockingStub stub;

  /**
   * @param address such as 127.0.0.1:8080
   * @param key the write key; empty if the gate requires none
   */
  public Gate(String address, String key) {
    channel =
        NettyChannelBuilder.forTarget(address)
            .usePlaintext() // For TLS, remove this line.
            .defaultServiceConfig(RETRIES)
            .enableRetry()
            .build();
    Metadata headers = new Metadata();
    if (!key.isEmpty()) headers.put(AUTHORIZATION, "Bearer " + key);
    stub =
        TrackServiceGrpc.newBlockingStub(channel)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /** Returns a stub for one call, with this deadline. */
  public TrackServiceBlockingStub within(long timeout, TimeUnit unit) {
    return stub.withDeadlineAfter(timeout, unit);
  }

  @Override
  public void close() throws InterruptedException {
    channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
  }
}
