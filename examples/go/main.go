// Sends orders to a gate: one event alone, a batch with one bad event, then the bad event alone.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	headgatev1 "example.com/shop/gen/headgate/v1"
	"example.com/shop/headgate"
)

func main() {
	address := "127.0.0.1:8080"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	gate, closeGate, err := headgate.Connect(address, os.Getenv("HEADGATE_WRITE_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	defer closeGate()

	// The deadline of the whole program. Each call also has its own of 30 seconds (client.go).
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	first := orderCompleted("A-1001", 49.9)
	second := orderCompleted("A-1002", 20)
	bad := orderCompleted("A-1003", -5)

	trackAlone(ctx, gate, first)
	if err := trackAll(ctx, gate, []*headgatev1.Event{first, second, bad}); err != nil {
		log.Fatal(err)
	}
	trackAlone(ctx, gate, bad)
}

// orderCompleted creates an event with its idempotency key. Store them together, for example in
// your own database: the event must have this key whenever it is sent again.
func orderCompleted(orderID string, total float64) *headgatev1.Event {
	properties, _ := json.Marshal(map[string]any{"order_id": orderID, "total": total, "currency": "EUR"})
	return &headgatev1.Event{
		EventName:      "order_completed",
		UserId:         "u-1",
		IdempotencyKey: uuid.Must(uuid.NewV7()).String(),
		// As text, numbers keep all their digits.
		PropertiesJson: string(properties),
		OccurredAt:     timestamppb.Now(),
	}
}

// trackAlone sends one event. If the gate does not accept it, the call fails, with details.
func trackAlone(ctx context.Context, gate headgatev1.TrackServiceClient, event *headgatev1.Event) {
	answer, err := gate.Track(ctx, &headgatev1.TrackRequest{Event: event})
	if err == nil {
		fmt.Println("alone:", answer.GetResult().GetStatus())
		return
	}
	refusal := headgate.ReadRefusal(err)
	fmt.Printf("alone: %v: %s, see %s\n", refusal.Status, refusal.Code, refusal.Help)
	for _, violation := range refusal.Violations {
		fmt.Printf("  %s %s\n", violation.GetField(), violation.GetReason())
	}
	if refusal.RetryAfter > 0 {
		fmt.Println("  send it again after", refusal.RetryAfter)
	}
}

// trackAll sends events until each has a final verdict. The call of a batch succeeds even if some
// events do not: RETRY is the verdict of one event, and gRPC's own retries do not see it.
func trackAll(ctx context.Context, gate headgatev1.TrackServiceClient, events []*headgatev1.Event) error {
	for waiting := events; len(waiting) > 0; {
		answer, err := gate.BatchTrack(ctx, &headgatev1.BatchTrackRequest{Events: waiting})
		if err != nil {
			return err
		}
		var again []*headgatev1.Event
		for _, result := range answer.GetResults() {
			switch result.GetStatus() {
			case headgatev1.EventResult_RETRY:
				again = append(again, waiting[result.GetIndex()])
			case headgatev1.EventResult_REJECTED:
				fmt.Printf("batch: %v: %s\n", result.GetStatus(), result.GetError().GetMessage())
			default: // ACCEPTED, or DUPLICATE if it was stored before
				fmt.Println("batch:", result.GetStatus())
			}
		}
		if len(again) > 0 {
			time.Sleep(time.Second)
		}
		waiting = again
	}
	return nil
}
