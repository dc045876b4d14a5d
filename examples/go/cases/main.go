// Sends what it reads from standard input and writes what it was answered, a JSON object a line: for
// npm run test:clients, which holds every language to the same cases.
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

type order struct {
	Address       string          `json:"address"`
	Key           string          `json:"key"`
	RPC           string          `json:"rpc"`
	Request       json.RawMessage `json:"request"`
	DeadlineMs    int             `json:"deadlineMs"`
	CancelAfterMs int             `json:"cancelAfterMs"`
	Gzip          bool            `json:"gzip"`
}

type place struct {
	Path string `json:"path"`
	Code string `json:"code"`
}

type verdict struct {
	Index          uint32  `json:"index"`
	IdempotencyKey string  `json:"idempotencyKey"`
	EventID        string  `json:"eventId"`
	Status         string  `json:"status"`
	Sequence       uint64  `json:"sequence"`
	SchemaVersion  uint32  `json:"schemaVersion"`
	TimestampMs    int64   `json:"timestampMs"`
	Code           string  `json:"code"`
	Violations     []place `json:"violations"`
	Warnings       int     `json:"warnings"`
}

type answer struct {
	Status       string    `json:"status"`
	Results      []verdict `json:"results"`
	Code         string    `json:"code"`
	Help         string    `json:"help"`
	Violations   []place   `json:"violations"`
	RetryAfterMs int64     `json:"retryAfterMs"`
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var read order
		check(json.Unmarshal(line, &read))
		written, err := json.Marshal(obey(read))
		check(err)
		fmt.Println(string(written))
	}
}

func obey(read order) answer {
	gate, closeGate, err := headgate.Connect(read.Address, read.Key)
	check(err)
	defer closeGate()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(read.DeadlineMs)*time.Millisecond)
	defer cancel()
	if read.CancelAfterMs > 0 {
		time.AfterFunc(time.Duration(read.CancelAfterMs)*time.Millisecond, cancel)
	}
	var options []grpc.CallOption
	if read.Gzip {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	results, err := send(ctx, gate, read, options)
	if err != nil {
		return refused(headgate.ReadRefusal(err))
	}
	told := answer{Status: "OK", Violations: []place{}}
	for _, result := range results {
		told.Results = append(told.Results, verdictOf(result))
	}
	return told
}

func send(ctx context.Context, gate headgatev1.TrackServiceClient, read order, options []grpc.CallOption) ([]*headgatev1.EventResult, error) {
	if read.RPC == "Track" {
		request := parse(read.Request, &headgatev1.TrackRequest{})
		response, err := gate.Track(ctx, request, options...)
		return []*headgatev1.EventResult{response.GetResult()}, err
	}
	request := parse(read.Request, &headgatev1.BatchTrackRequest{})
	response, err := gate.BatchTrack(ctx, request, options...)
	return response.GetResults(), err
}

func parse[Message proto.Message](text []byte, message Message) Message {
	check(protojson.Unmarshal(text, message))
	return message
}

func verdictOf(result *headgatev1.EventResult) verdict {
	violations := []place{}
	for _, each := range result.GetError().GetViolations() {
		violations = append(violations, place{each.GetPath(), each.GetCode()})
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
	violations := []place{}
	for _, each := range refusal.Violations {
		violations = append(violations, place{each.GetField(), each.GetReason()})
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
