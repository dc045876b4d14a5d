import { code } from './encode/code.ts';

/** The code that the functions of all events share: envelope, lists, JSON and key. */
export const goRuntime = code`// Client is a generated client of headgate.v1.TrackService. The client of protoc-gen-go-grpc
// implements it.
type Client[Option any] interface {
	Track(ctx context.Context, request *headgatev1.TrackRequest, options ...Option) (*headgatev1.TrackResponse, error)
}

// Envelope has the fields of an event beside its name and its properties.
type Envelope struct {
	// The person: at least one of UserID and AnonymousID is required.
	UserID      string
	AnonymousID string
	// A UUID. Send the same one on every retry of this event. If empty, a new UUIDv7.
	IdempotencyKey string
	Context        map[string]any
	// The time by the producer's clock. If zero, it is not sent.
	OccurredAt time.Time
}

// List is a JSON array. A nil List is written as [], where a plain nil slice would be null.
type List[Item any] []Item

// MarshalJSON writes the array.
func (list List[Item]) MarshalJSON() ([]byte, error) {
	if list == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Item(list))
}

// NewIdempotencyKey makes a UUIDv7: the time in milliseconds, then random bits.
func NewIdempotencyKey() string {
	var key [16]byte
	if _, err := rand.Read(key[6:]); err != nil {
		panic(err)
	}
	var now [8]byte
	binary.BigEndian.PutUint64(now[:], uint64(time.Now().UnixMilli()))
	copy(key[:6], now[2:])
	key[6] = key[6]&0x0f | 0x70
	key[8] = key[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", key[:4], key[4:6], key[6:8], key[8:10], key[10:])
}

// marshalObject writes fields and others as one object. If both have a name, the field wins. A
// struct tag cannot hold every name: renamed has the name in the event for the name in the tag.
func marshalObject[Value any](fields any, renamed map[string]string, others map[string]Value) ([]byte, error) {
	text, err := json.Marshal(fields)
	if err != nil || len(renamed) == 0 && len(others) == 0 {
		return text, err
	}
	members := map[string]json.RawMessage{}
	if err = json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	for tag, name := range renamed {
		if value, isSent := members[tag]; isSent {
			members[name] = value
			delete(members, tag)
		}
	}
	for name, value := range others {
		if _, isField := members[name]; isField {
			continue
		}
		if members[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(members)
}

func newEvent(name string, version uint32, envelope Envelope, properties any) (*headgatev1.Event, error) {
	text, err := json.Marshal(properties)
	if err != nil {
		return nil, err
	}
	event := &headgatev1.Event{
		EventName:      name,
		UserId:         envelope.UserID,
		AnonymousId:    envelope.AnonymousID,
		IdempotencyKey: envelope.IdempotencyKey,
		PropertiesJson: string(text),
		SchemaVersion:  version,
	}
	if event.IdempotencyKey == "" {
		event.IdempotencyKey = NewIdempotencyKey()
	}
	if envelope.Context != nil {
		if event.Context, err = structpb.NewStruct(envelope.Context); err != nil {
			return nil, err
		}
	}
	if !envelope.OccurredAt.IsZero() {
		event.OccurredAt = timestamppb.New(envelope.OccurredAt)
	}
	return event, nil
}`;
