package shop;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.BadRequest.FieldViolation;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Help;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;

/**
 * Why a call got no verdicts, as the error details of the gate tell it.
 *
 * @param code a word of docs/reference/errors.md; empty where the gate itself did not answer
 * @param help where the code is explained
 * @param violations the places of the event that break its contract
 * @param retryAfter how long to wait before the same call, with the same keys, may succeed; zero
 *     where trying again cannot help
 */
public record Refusal(
    Status.Code status,
    String message,
    String code,
    String help,
    List<FieldViolation> violations,
    Duration retryAfter) {

  /** Unpacks google.rpc.ErrorInfo, BadRequest, Help and RetryInfo. */
  public static Refusal of(StatusRuntimeException error) throws InvalidProtocolBufferException {
    String code = "";
    String help = "";
    List<FieldViolation> violations = List.of();
    Duration retryAfter = Duration.ZERO;
    com.google.rpc.Status answer = StatusProto.fromThrowable(error);
    for (Any detail : answer == null ? List.<Any>of() : answer.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        code = detail.unpack(ErrorInfo.class).getReason();
      } else if (detail.is(BadRequest.class)) {
        violations = detail.unpack(BadRequest.class).getFieldViolationsList();
      } else if (detail.is(Help.class)) {
        help = detail.unpack(Help.class).getLinks(0).getUrl();
      } else if (detail.is(RetryInfo.class)) {
        long millis = Durations.toMillis(detail.unpack(RetryInfo.class).getRetryDelay());
        retryAfter = Duration.ofMillis(millis);
      }
    }
    Status status = error.getStatus();
    String message = status.getDescription() == null ? "" : status.getDescription();
    return new Refusal(status.getCode(), message, code, help, violations, retryAfter);
  }
}
