// Reads calls from standard input, sends them, and writes the answers, one JSON object per
// line. npm run test:clients uses it to test every language with the same cases.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	headgatev1 "example.com/shop/gen/headgate/v1"
	"example.com/shop/headgate"
)

type caseCall struct {
	Address       string          `json:"address"`
	Key           string          `json:"key"`
	RPC           string          `json:"rpc"`
	Request       json.RawMessage `json:"request"`
	DeadlineMs    int             `json:"deadlineMs"`
	CancelAfterMs int             `json:"cancelAfterMs"`
	Gzip          bool            `json:"gzip"`
}

type violation struct {
	Path string `json:"path"`
	Code string `json:"code"`
}

type verdict struct {
	Index          uint32      `json:"index"`
	IdempotencyKey string      `json:"idempotencyKey"`
	EventID        string      `json:"eventId"`
	Status         string      `json:"status"`
	Sequence       uint64      `json:"sequence"`
	SchemaVersion  uint32      `json:"schemaVersion"`
	TimestampMs    int64       `json:"timestampMs"`
	Code           string      `json:"code"`
	Violations     []violation `json:"violations"`
	Warnings       int         `json:"warnings"`
}

type answer struct {
	Status       string      `json:"status"`
	Results      []verdict   `json:"results"`
	Code         string      `json:"code"`
	Help         string      `json:"help"`
	Violations   []violation `json:"violations"`
	RetryAfterMs int64       `json:"retryAfterMs"`
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var input caseCall
		check(json.Unmarshal(line, &input))
		output, err := json.Marshal(run(input))
		check(err)
		fmt.Println(string(output))
	}
}

func run(input caseCall) answer {
	gate, closeGate, err := headgate.Connect(input.Address, input.Key)
	check(err)
	defer closeGate()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(input.DeadlineMs)*time.Millisecond)
	defer cancel()
	if input.CancelAfterMs > 0 {
		time.AfterFunc(time.Duration(input.CancelAfterMs)*time.Millisecond, cancel)
	}
	var options []grpc.CallOption
	if input.Gzip {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	results, err := send(ctx, gate, input, options)
	if err != nil {
		return refused(headgate.ReadRefusal(err))
	}
	succeeded := answer{Status: "OK", Violations: []violation{}}
	for _, result := range results {
		succeeded.Results = append(succeeded.Results, verdictOf(result))
	}
	return succeeded
}

func send(ctx context.Context, gate headgatev1.TrackServiceClient, input caseCall, options []grpc.CallOption) ([]*headgatev1.EventResult, error) {
	if input.RPC == "Track" {
		request := parse(input.Request, &headgatev1.TrackRequest{})
		response, err := gate.Track(ctx, request, options...)
		return []*headgatev1.EventResult{response.GetResult()}, err
	}
	request := parse(input.Request, &headgatev1.BatchTrackRequest{})
	response, err := gate.BatchTrack(ctx, request, options...)
	return response.GetResults(), err
}

func parse[Message proto.Message](text []byte, message Message) Message {
	check(protojson.Unmarshal(text, message))
	return message
}

func verdictOf(result *headgatev1.EventResult) verdict {
	violations := []violation{}
	for _, each := range result.GetError().GetViolations() {
		violations = append(violations, violation{each.GetPath(), each.GetCode()})
	}
	return verdict{
		Index:          result.GetIndex(),
		IdempotencyKey: result.GetIdempotencyKey(),
		EventID:        result.GetEventId(),
		Status:         result.GetStatus().String(),
		Sequence:       result.GetSequence(),
		SchemaVersion:  result.GetSchemaVersion(),
		TimestampMs:    result.GetTimestamp().AsTime().UnixMilli(),
		Code:           result.GetError().GetCode(),
		Violations:     violations,
		Warnings:       len(result.GetWarnings()),
	}
}

func refused(refusal headgate.Refusal) answer {
	violations := []violation{}
	for _, each := range refusal.Violations {
		violations = append(violations, violation{each.GetField(), each.GetReason()})
	}
	return answer{
		Status:       refusal.Status.String(),
		Results:      []verdict{},
		Code:         refusal.Code,
		Help:         refusal.Help,
		Violations:   violations,
		RetryAfterMs: refusal.RetryAfter.Milliseconds(),
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
