// Sends one event. docs/send/clients.md shows these lines.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/google/uuid"

	headgatev1 "example.com/shop/gen/headgate/v1"
	"example.com/shop/headgate"
)

func main() {
	gate, closeGate, err := headgate.Connect(os.Getenv("HEADGATE_ADDRESS"), "")
	if err != nil {
		log.Fatal(err)
	}
	defer closeGate()
	answer, err := gate.Track(context.Background(), &headgatev1.TrackRequest{Event: &headgatev1.Event{
		EventName:      "order_completed",
		UserId:         "u-1",
		IdempotencyKey: uuid.NewString(), // one per event, same on every retry
		PropertiesJson: `{"order_id": "A-1", "total": 49.9, "currency": "EUR"}`,
	}})
	if err != nil {
		log.Fatal(headgate.ReadRefusal(err))
	}
	fmt.Println(answer.GetResult().GetStatus())
}
