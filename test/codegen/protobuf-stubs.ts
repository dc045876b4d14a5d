/*
 * A few lines with the names that protoc uses replace the generated protocol buffers, so that the
 * tests download nothing. They test that the generated clients compile.
 */

export const goStubs = {
  'go.mod': `module example.com/shop
go 1.22
require google.golang.org/protobuf v0.0.0
replace google.golang.org/protobuf => ./stub
`,
  'stub/go.mod': 'module google.golang.org/protobuf\ngo 1.22\n',
  'stub/types/known/structpb/struct.go': `package structpb
type Struct struct{}
func NewStruct(map[string]any) (*Struct, error) { return &Struct{}, nil }
`,
  'stub/types/known/timestamppb/timestamp.go': `package timestamppb
import "time"
type Timestamp struct{}
func New(time.Time) *Timestamp { return &Timestamp{} }
`,
  'gen/headgate/v1/headgate.go': `package headgatev1
import (
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)
type Event struct {
	EventName, UserId, AnonymousId, IdempotencyKey, PropertiesJson string
	SchemaVersion uint32
	Context *structpb.Struct
	OccurredAt *timestamppb.Timestamp
}
type TrackRequest struct{ Event *Event }
type TrackResponse struct{}
`,
};

export const pythonStubs = {
  'headgate/v1/event_pb2.py': `from typing import Any
class Event:
    context: Any
    occurred_at: Any
    def __init__(self, **fields):
        self.__dict__.update(fields)
`,
  'headgate/v1/track_service_pb2.py': `class TrackRequest:
    def __init__(self, event):
        self.event = event
`,
};

const message = (name: string, setters: readonly string[]): string =>
  `public static class ${name} { public static Builder newBuilder() { return new Builder(); }
  public String text = "";
  public static class Builder { ${name} made = new ${name}();
${setters.map((setter) => `    public Builder ${setter} { made.text += value + " "; return this; }`).join('\n')}
    public ${name} build() { return made; } public String toString() { return made.text; } }
  public String toString() { return text; } }`;

const eventSetters = [
  'setEventName(String value)',
  'setUserId(String value)',
  'setAnonymousId(String value)',
  'setIdempotencyKey(String value)',
  'setPropertiesJson(String value)',
  'setSchemaVersion(int value)',
  'setContext(com.google.protobuf.Struct value)',
  'setOccurredAt(Object value)',
];

export const javaStubs = {
  'com/google/protobuf/Struct.java': 'package com.google.protobuf; public class Struct {}',
  'com/google/protobuf/Timestamp.java': `package com.google.protobuf; public class Timestamp {
  public static Timestamp newBuilder() { return new Timestamp(); }
  public Timestamp setSeconds(long value) { return this; } public Timestamp setNanos(int value) { return this; } }`,
  'headgate/v1/EventOuterClass.java': `package headgate.v1; public class EventOuterClass { ${message('Event', eventSetters)} }`,
  'headgate/v1/TrackServiceOuterClass.java': `package headgate.v1; import headgate.v1.EventOuterClass.Event;
public class TrackServiceOuterClass { ${message('TrackRequest', ['setEvent(Event value)'])} }`,
};
