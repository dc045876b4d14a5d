package main

import (
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// acceptor is the way of every event, whatever protocol it came by: check, publish, wait for the
// acknowledgement.
type acceptor struct {
	contracts contracts
	jetstream jetstream.JetStream
}

// sentEvent has a fault if it could not be read.
type sentEvent struct {
	draft *draft
	fault *fault
}

func (taker *acceptor) accept(shared *request, sent sentEvent) verdict {
	result, ack := taker.begin(shared, sent)
	return finish(result, ack)
}

// acceptAll publishes all events before it waits for the first acknowledgement.
func (taker *acceptor) acceptAll(shared *request, sent []sentEvent) []verdict {
	verdicts := make([]verdict, len(sent))
	acks := make([]jetstream.PubAckFuture, len(sent))
	for index := range sent {
		verdicts[index], acks[index] = taker.begin(shared, sent[index])
	}
	for index := range verdicts {
		verdicts[index] = finish(verdicts[index], acks[index])
	}
	return verdicts
}

// begin returns no acknowledgement for an event that is not published.
func (taker *acceptor) begin(shared *request, sent sentEvent) (verdict, jetstream.PubAckFuture) {
	if sent.fault != nil {
		return verdict{status: rejected, fault: sent.fault}, nil
	}
	key := sent.draft.idempotencyKey
	result := verdict{idempotencyKey: key, eventID: eventIDOf(key), status: accepted}
	event, broken := taker.contracts.check(shared, sent.draft, result.eventID)
	if broken != nil {
		result.status, result.fault = rejected, broken
		return result, nil
	}
	result.schemaVersion = event.schemaVersion
	ack, err := taker.jetstream.PublishMsgAsync(&nats.Msg{
		Subject: event.subject,
		Data:    event.payload,
		Header: nats.Header{
			"Nats-Msg-Id":             {event.messageID},
			"Headgate-Correlation-Id": {shared.correlationID},
			"Headgate-Door":           {shared.protocol},
		},
	})
	if err != nil {
		return notStored(result, err), nil
	}
	return result, ack
}

func finish(result verdict, ack jetstream.PubAckFuture) verdict {
	if ack == nil {
		return result
	}
	select {
	case stored := <-ack.Ok():
		result.sequence = stored.Sequence
		if stored.Duplicate {
			result.status = duplicate
		}
		return result
	case err := <-ack.Err():
		return notStored(result, err)
	}
}

func notStored(result verdict, err error) verdict {
	result.status = retry
	result.fault = &fault{Code: "not_stored", Message: "Not stored: " + err.Error() + "."}
	return result
}
