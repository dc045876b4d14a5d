package headgate

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Refusal is why a call got no verdicts, as the error details of the gate tell it.
type Refusal struct {
	Status  codes.Code
	Message string
	// Code is a word of docs/reference/errors.md; empty where the gate itself did not answer.
	Code string
	// Help is where the code is explained.
	Help string
	// Violations are the places of the event that break its contract.
	Violations []*errdetails.BadRequest_FieldViolation
	// RetryAfter is how long to wait before the same call, with the same keys, may succeed; 0 where
	// trying again cannot help.
	RetryAfter time.Duration
}

// ReadRefusal unpacks google.rpc.ErrorInfo, BadRequest, Help and RetryInfo.
func ReadRefusal(err error) Refusal {
	answer := status.Convert(err)
	refusal := Refusal{Status: answer.Code(), Message: answer.Message()}
	for _, detail := range answer.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			refusal.Code = detail.GetReason()
		case *errdetails.BadRequest:
			refusal.Violations = detail.GetFieldViolations()
		case *errdetails.Help:
			refusal.Help = detail.GetLinks()[0].GetUrl()
		case *errdetails.RetryInfo:
			refusal.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	return refusal
}
