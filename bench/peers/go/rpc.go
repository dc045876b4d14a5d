package main

import (
	"context"
	"encoding/json/v2"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	headgatev1 "example.com/peer/gen/headgate/v1"
)

// rpcs is headgate.v1.TrackService, over gRPC, gRPC-Web and Connect.
type rpcs struct{ *acceptor }

func (rpcs rpcs) Track(
	ctx context.Context, call *headgatev1.TrackRequest,
) (*headgatev1.TrackResponse, error) {
	shared := receivedCall(ctx)
	if call.Event == nil {
		return nil, rpcError(malformed(errors.New("the request has no event")))
	}
	result := rpcs.accept(shared, draftOf(call.Event))
	if result.fault != nil {
		return nil, rpcError(result.fault)
	}
	return &headgatev1.TrackResponse{Result: resultOf(0, &result, shared)}, nil
}

func (rpcs rpcs) BatchTrack(
	ctx context.Context, call *headgatev1.BatchTrackRequest,
) (*headgatev1.BatchTrackResponse, error) {
	shared := receivedCall(ctx)
	if len(call.Events) == 0 || len(call.Events) > eventsMax {
		return nil, rpcError(malformed(fmt.Errorf("a batch has 1 to %d events", eventsMax)))
	}
	var err error
	if shared.context, err = structText(call.Context); err != nil {
		return nil, rpcError(malformed(err))
	}
	shared.sentAt = timeText(call.SentAt)
	events := make([]sentEvent, len(call.Events))
	for index, event := range call.Events {
		events[index] = draftOf(event)
	}
	verdicts := rpcs.acceptAll(shared, events)
	results := make([]*headgatev1.EventResult, len(verdicts))
	for index := range verdicts {
		results[index] = resultOf(index, &verdicts[index], shared)
	}
	return &headgatev1.BatchTrackResponse{Results: results}, nil
}

func receivedCall(ctx context.Context) *request {
	info, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok {
		return received("", "grpc")
	}
	return received(info.RequestHeader().Get("X-Correlation-Id"), info.Peer().Protocol)
}

func draftOf(event *headgatev1.Event) sentEvent {
	properties := []byte(event.PropertiesJson)
	context, err := structText(event.Context)
	if err == nil && event.PropertiesJson == "" {
		properties, err = structText(event.Properties)
	}
	if err != nil {
		return sentEvent{fault: &fault{Code: "invalid_field", Message: err.Error()}}
	}
	return sentEvent{draft: &draft{
		eventName:      event.EventName,
		userID:         event.UserId,
		anonymousID:    event.AnonymousId,
		idempotencyKey: event.IdempotencyKey,
		properties:     properties,
		context:        context,
		occurredAt:     timeText(event.OccurredAt),
		schemaVersion:  event.SchemaVersion,
	}}
}

func structText(value *structpb.Struct) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	return json.Marshal(value.AsMap())
}

func timeText(value *timestamppb.Timestamp) string {
	if value == nil {
		return ""
	}
	return value.AsTime().Format(time.RFC3339Nano)
}

var statuses = map[status]headgatev1.EventResult_Status{
	accepted:  headgatev1.EventResult_ACCEPTED,
	duplicate: headgatev1.EventResult_DUPLICATE,
	rejected:  headgatev1.EventResult_REJECTED,
	retry:     headgatev1.EventResult_RETRY,
}

func resultOf(index int, result *verdict, shared *request) *headgatev1.EventResult {
	return &headgatev1.EventResult{
		Index:          uint32(index),
		IdempotencyKey: result.idempotencyKey,
		EventId:        result.eventID,
		Status:         statuses[result.status],
		Timestamp:      timestamppb.New(shared.receivedAt),
		SchemaVersion:  result.schemaVersion,
		Sequence:       result.sequence,
		Error:          errorOf(result.fault),
	}
}

func errorOf(reason *fault) *headgatev1.EventError {
	if reason == nil {
		return nil
	}
	violations := make([]*headgatev1.Violation, len(reason.Violations))
	for index, broken := range reason.Violations {
		violations[index] = &headgatev1.Violation{
			Path: broken.Path, Code: broken.Code, Message: broken.Message,
		}
	}
	return &headgatev1.EventError{
		Code: reason.Code, Message: reason.Message, Violations: violations,
	}
}

// rpcError has the details of AIP-193, as the gate sends them.
func rpcError(reason *fault) error {
	code := connect.CodeInvalidArgument
	if reason.isRetryable() {
		code = connect.CodeUnavailable
	}
	failure := connect.NewError(code, errors.New(reason.Message))
	info := &errdetails.ErrorInfo{Reason: reason.Code, Domain: "headgate"}
	if detail, err := connect.NewErrorDetail(info); err == nil {
		failure.AddDetail(detail)
	}
	if len(reason.Violations) == 0 {
		return failure
	}
	request := &errdetails.BadRequest{}
	for _, broken := range reason.Violations {
		request.FieldViolations = append(request.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: broken.Path, Description: broken.Message, Reason: broken.Code,
		})
	}
	if detail, err := connect.NewErrorDetail(request); err == nil {
		failure.AddDetail(detail)
	}
	return failure
}
