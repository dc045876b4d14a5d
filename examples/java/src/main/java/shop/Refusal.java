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
 * Why a call returned no verdicts, from the error details of the gate.
 *
 * @param code one of docs/reference/errors.md; empty if the gate itself did not answer
 * @param help the address of the code's explanation
 * @param violations the places in the event that break its contract
 * @param retryAfter the delay after which the same call, with the same keys, may succeed; zero if a
 *     retry cannot help
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
