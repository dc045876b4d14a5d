package headgate

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Refusal says why a call returned no verdicts, from the error details of the gate.
type Refusal struct {
	Status  codes.Code
	Message string
	// Code is one of docs/reference/errors.md; empty if the gate itself did not answer.
	Code string
	// Help is the address of the code's explanation.
	Help string
	// Violations are the places in the event that break its contract.
	Violations []*errdetails.BadRequest_FieldViolation
	// RetryAfter is the delay after which the same call, with the same keys, may succeed; 0 if a
	// retry cannot help.
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
