package main

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	bodyBytesMax = 4 << 20
	eventsMax    = 1_000
)

// jsonEvent: null is the same as leaving a field out.
type jsonEvent struct {
	EventName      string         `json:"event_name"`
	UserID         string         `json:"user_id"`
	AnonymousID    string         `json:"anonymous_id"`
	IdempotencyKey string         `json:"idempotency_key"`
	Properties     jsontext.Value `json:"properties"`
	PropertiesJSON string         `json:"properties_json"`
	Context        jsontext.Value `json:"context"`
	OccurredAt     string         `json:"occurred_at"`
	SchemaVersion  uint32         `json:"schema_version"`
}

type jsonBatch struct {
	Events  []jsontext.Value `json:"events"`
	Context jsontext.Value   `json:"context"`
	SentAt  string           `json:"sent_at"`
}

type resultBody struct {
	Index          *int   `json:"index,omitzero"`
	IdempotencyKey string `json:"idempotency_key"`
	EventID        string `json:"event_id,omitzero"`
	Status         status `json:"status"`
	Timestamp      string `json:"timestamp"`
	SchemaVersion  uint32 `json:"schema_version,omitzero"`
	Sequence       uint64 `json:"sequence,omitzero"`
	Error          *fault `json:"error,omitzero"`
}

type batchBody struct {
	Results    []resultBody `json:"results"`
	Accepted   int          `json:"accepted"`
	Duplicates int          `json:"duplicates"`
	Rejected   int          `json:"rejected"`
	Retry      int          `json:"retry"`
}

// problem is that of RFC 9457.
type problem struct {
	Type          string      `json:"type"`
	Title         string      `json:"title"`
	Status        int         `json:"status"`
	Detail        string      `json:"detail"`
	Code          string      `json:"code"`
	Violations    []violation `json:"violations"`
	Retryable     bool        `json:"retryable"`
	CorrelationID string      `json:"correlation_id"`
}

func (taker *acceptor) serveTrack(answer http.ResponseWriter, call *http.Request) {
	shared := received(call.Header.Get("X-Correlation-Id"), "rest")
	body, err := readBody(answer, call)
	if err != nil {
		writeProblem(answer, shared, malformed(err))
		return
	}
	sent := parseEvent(body)
	if sent.fault != nil {
		writeProblem(answer, shared, sent.fault)
		return
	}
	result := taker.accept(shared, sent)
	if result.fault != nil {
		writeProblem(answer, shared, result.fault)
		return
	}
	writeJSON(answer, http.StatusAccepted, "application/json", bodyOf(nil, &result, shared))
}

func (taker *acceptor) serveBatch(answer http.ResponseWriter, call *http.Request) {
	shared := received(call.Header.Get("X-Correlation-Id"), "rest")
	body, err := readBody(answer, call)
	var sent jsonBatch
	if err == nil {
		err = json.Unmarshal(body, &sent, json.RejectUnknownMembers(true))
	}
	if err == nil && (len(sent.Events) == 0 || len(sent.Events) > eventsMax) {
		err = fmt.Errorf("a batch has 1 to %d events", eventsMax)
	}
	if err != nil {
		writeProblem(answer, shared, malformed(err))
		return
	}
	shared.context, shared.sentAt = rawText(sent.Context), sent.SentAt
	events := make([]sentEvent, len(sent.Events))
	for index, event := range sent.Events {
		events[index] = parseEvent(event)
	}
	verdicts := taker.acceptAll(shared, events)
	results := batchBody{Results: make([]resultBody, len(verdicts))}
	for index := range verdicts {
		results.Results[index] = bodyOf(&index, &verdicts[index], shared)
		switch verdicts[index].status {
		case accepted:
			results.Accepted++
		case duplicate:
			results.Duplicates++
		case rejected:
			results.Rejected++
		case retry:
			results.Retry++
		}
	}
	writeJSON(answer, results.httpStatus(), "application/json", results)
}

func (results *batchBody) httpStatus() int {
	switch len(results.Results) {
	case results.Accepted + results.Duplicates:
		return http.StatusAccepted
	case results.Rejected:
		return http.StatusUnprocessableEntity
	case results.Retry:
		return http.StatusServiceUnavailable
	default:
		return http.StatusMultiStatus
	}
}

func readBody(answer http.ResponseWriter, call *http.Request) ([]byte, error) {
	reader := http.MaxBytesReader(answer, call.Body, bodyBytesMax)
	if call.ContentLength < 0 || call.ContentLength > bodyBytesMax {
		return io.ReadAll(reader)
	}
	body := make([]byte, call.ContentLength)
	_, err := io.ReadFull(reader, body)
	return body, err
}

func parseEvent(text []byte) sentEvent {
	var sent jsonEvent
	if err := json.Unmarshal(text, &sent, json.RejectUnknownMembers(true)); err != nil {
		if errors.Is(err, json.ErrUnknownName) {
			return sentEvent{fault: &fault{Code: "unknown_field", Message: err.Error()}}
		}
		return sentEvent{fault: malformed(err)}
	}
	properties := rawText(sent.Properties)
	if sent.PropertiesJSON != "" {
		properties = []byte(sent.PropertiesJSON)
	}
	return sentEvent{draft: &draft{
		eventName:      sent.EventName,
		userID:         sent.UserID,
		anonymousID:    sent.AnonymousID,
		idempotencyKey: sent.IdempotencyKey,
		properties:     properties,
		context:        rawText(sent.Context),
		occurredAt:     sent.OccurredAt,
		schemaVersion:  sent.SchemaVersion,
	}}
}

func rawText(value jsontext.Value) []byte {
	if value.Kind() == 'n' {
		return nil
	}
	return value
}

func malformed(err error) *fault {
	return &fault{Code: "malformed_request", Message: err.Error()}
}

func bodyOf(index *int, result *verdict, shared *request) resultBody {
	return resultBody{
		Index:          index,
		IdempotencyKey: result.idempotencyKey,
		EventID:        result.eventID,
		Status:         result.status,
		Timestamp:      shared.timestamp,
		SchemaVersion:  result.schemaVersion,
		Sequence:       result.sequence,
		Error:          result.fault,
	}
}

func writeProblem(answer http.ResponseWriter, shared *request, reason *fault) {
	writeJSON(answer, reason.httpStatus(), "application/problem+json", problem{
		Type:          "urn:headgate:error:" + reason.Code,
		Title:         strings.ReplaceAll(reason.Code, "_", " "),
		Status:        reason.httpStatus(),
		Detail:        reason.Message,
		Code:          reason.Code,
		Violations:    reason.Violations,
		Retryable:     reason.isRetryable(),
		CorrelationID: shared.correlationID,
	})
}

func writeJSON(answer http.ResponseWriter, status int, contentType string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.Header().Set("Content-Type", contentType)
	answer.Header().Set("Content-Length", strconv.Itoa(len(text)))
	answer.WriteHeader(status)
	_, _ = answer.Write(text)
}
