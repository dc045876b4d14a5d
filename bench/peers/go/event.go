package main

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// All events come from the source of a gate that asks for no write key.
const source = "default"

const idCharactersMax = 256

var namespace = uuid.MustParse("9d1c0c5e-3b5d-4f7a-b1e2-8c6f4a7d2e90")

// draft is an event as it was sent, of any protocol. A field that was left out is empty.
type draft struct {
	eventName, userID, anonymousID, idempotencyKey string
	// The text of JSON objects.
	properties, context []byte
	// RFC 3339.
	occurredAt    string
	schemaVersion uint32
}

// request is what its events share.
type request struct {
	timestamp     string
	receivedAt    time.Time
	correlationID string
	protocol      string
	// The text of a JSON object; empty if it was not sent.
	context []byte
	// RFC 3339; empty if it was not sent.
	sentAt string
}

const timeForm = "2006-01-02T15:04:05.000Z"

func received(correlationID, protocol string) *request {
	if correlationID == "" {
		correlationID = uuid.NewString()
	}
	now := time.Now().UTC()
	return &request{
		timestamp:     now.Format(timeForm),
		receivedAt:    now,
		correlationID: correlationID,
		protocol:      protocol,
	}
}

// eventIDOf is the same for every retry of an event: UUIDv5 (RFC 9562) of source and key.
func eventIDOf(key string) string {
	if len(key) != 36 || uuid.Validate(key) != nil {
		return ""
	}
	return uuid.NewSHA1(namespace, []byte(source+":"+strings.ToLower(key))).String()
}

// validEvent may be stored.
type validEvent struct {
	subject, messageID string
	payload            []byte
	schemaVersion      uint32
}

func (known contracts) check(shared *request, sent *draft, eventID string) (*validEvent, *fault) {
	if broken := checkIdentity(sent); broken != nil {
		return nil, broken
	}
	if eventID == "" {
		if sent.idempotencyKey == "" {
			const text = "The event has no idempotency_key."
			return nil, faultAt("missing_idempotency_key", text, "/idempotency_key")
		}
		const text = "The idempotency_key is no UUID."
		return nil, faultAt("invalid_idempotency_key", text, "/idempotency_key")
	}
	properties, broken := parseObject(sent.properties, "/properties")
	if broken != nil {
		return nil, broken
	}
	version, broken := known.validate(sent.eventName, sent.schemaVersion, properties)
	if broken != nil {
		return nil, broken
	}
	if sent.occurredAt != "" {
		if _, err := time.Parse(time.RFC3339Nano, sent.occurredAt); err != nil {
			return nil, faultAt("invalid_field", "Not a time of RFC 3339.", "/occurred_at")
		}
	}
	context, broken := merge(shared.context, sent.context)
	if broken != nil {
		return nil, broken
	}
	return &validEvent{
		subject:       "headgate.events.0." + source + "." + sent.eventName,
		messageID:     source + ":" + strings.ToLower(sent.idempotencyKey),
		payload:       storedEvent(shared, sent, eventID, version, context),
		schemaVersion: version,
	}, nil
}

func checkIdentity(sent *draft) *fault {
	if sent.userID == "" && sent.anonymousID == "" {
		const text = "The event has neither user_id nor anonymous_id."
		return faultAt("missing_identity", text, "/user_id")
	}
	if broken := checkID("/user_id", sent.userID); broken != nil {
		return broken
	}
	return checkID("/anonymous_id", sent.anonymousID)
}

func checkID(path, id string) *fault {
	if len(id) > idCharactersMax && utf8.RuneCountInString(id) > idCharactersMax {
		return faultAt("invalid_field", "At most 256 characters.", path)
	}
	if id != "" && isPlaceholder(id) {
		return faultAt("missing_identity", "A placeholder is no identity.", path)
	}
	return nil
}

func isPlaceholder(id string) bool {
	switch len(strings.TrimSpace(id)) {
	case 0:
		return true
	case 3, 4, 9:
		for _, word := range []string{"null", "undefined", "none", "nil"} {
			if strings.EqualFold(id, word) {
				return true
			}
		}
	}
	return false
}

func parseObject(text []byte, path string) (map[string]any, *fault) {
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, faultAt("invalid_field", "Not a JSON object.", path)
	}
	return object, nil
}

// merge takes the member of the event where both have one.
func merge(shared, own []byte) ([]byte, *fault) {
	if len(shared) == 0 {
		return own, nil
	}
	if len(own) == 0 {
		return shared, nil
	}
	merged, broken := parseObject(shared, "/context")
	if broken != nil {
		return nil, broken
	}
	members, broken := parseObject(own, "/context")
	if broken != nil {
		return nil, broken
	}
	maps.Copy(merged, members)
	text, err := json.Marshal(merged)
	if err != nil {
		return nil, faultAt("invalid_field", err.Error(), "/context")
	}
	return text, nil
}

// storedEvent writes the ProtoJSON of headgate.v1.StoredEvent. The properties stand in it as they were sent.
func storedEvent(shared *request, sent *draft, eventID string, version uint32, context []byte) []byte {
	text := make([]byte, 0, 512+len(sent.properties)+len(context))
	push := func(name, value string) {
		if value == "" {
			return
		}
		text = append(append(append(text, ',', '"'), name...), '"', ':')
		text, _ = jsontext.AppendQuote(text, value)
	}
	eventTime := shared.timestamp
	if sent.occurredAt != "" {
		eventTime = sent.occurredAt
	}
	push("eventId", eventID)
	text[0] = '{'
	push("eventName", sent.eventName)
	push("source", source)
	push("timestamp", shared.timestamp)
	push("eventTime", eventTime)
	push("userId", sent.userID)
	push("anonymousId", sent.anonymousID)
	push("idempotencyKey", sent.idempotencyKey)
	push("occurredAt", sent.occurredAt)
	push("sentAt", shared.sentAt)
	push("correlationId", shared.correlationID)
	text = append(text, `,"schemaVersion":`...)
	text = strconv.AppendUint(text, uint64(version), 10)
	text = append(text, `,"properties":`...)
	if len(sent.properties) == 0 {
		text = append(text, '{', '}')
	} else {
		text = append(text, sent.properties...)
	}
	if len(context) > 0 {
		text = append(append(text, `,"context":`...), context...)
	}
	return append(text, '}')
}
