import { camelCase, commentLines, NameTable, pascalCase } from './names.ts';
import { allOptional, type ModelEvent, type ModelObject, type ModelType } from './type-model.ts';

export const goReserved = [
  'Client',
  'Envelope',
  'List',
  'NewIdempotencyKey',
  'SchemaVersions',
  'newEvent',
];

export interface GoOptions {
  /** The package of the generated file. */
  readonly packageName: string;
  /** The import path of the code that protoc-gen-go generated from proto/headgate/v1. */
  readonly protoImport: string;
}

/** One file of one package: a struct for each type, a function for each event. */
export function goFile(header: string, events: readonly ModelEvent[], options: GoOptions): string {
  const names = new NameTable('Go', goReserved);
  const versions = events.map(
    ({ eventName, schemaVersion }) => `\t${JSON.stringify(eventName)}: ${schemaVersion},\n`,
  );
  const parts = [
    `// ${header}`,
    `package ${options.packageName}`,
    runtime.replace('PROTO_IMPORT', () => JSON.stringify(options.protoImport)),
    `// SchemaVersions has the schema version of each type.
var SchemaVersions = map[string]uint32{
${versions.join('')}}`,
    ...events.map((event) => eventText(event, names)),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** PROTO_IMPORT is replaced by the import path of the generated protocol buffers. */
const runtime = `import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	headgatev1 PROTO_IMPORT
)

// Client is a generated client of headgate.v1.TrackService. The client of protoc-gen-go-grpc
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

function eventText(event: ModelEvent, names: NameTable): string {
  const { eventName, schemaVersion, objects, description, owner } = event;
  const track = names.take(pascalCase(eventName), `The event ${eventName}`);
  const build = names.take(`New${track}`, `The event ${eventName}`);
  const type = objects[0]!.name;
  const story = commentLines([description, `Version ${schemaVersion}, of ${owner}.`]);
  const empty = allOptional(event) ? ' All properties are optional.' : '';
  return [
    ...objects.map((object, index) => objectText(object, index === 0 ? story : [], names)),
    `// ${build} builds the event without sending it. Send it with Track or BatchTrack; retries reuse its key.${empty}
func ${build}(envelope Envelope, properties ${type}) (*headgatev1.Event, error) {
	return newEvent(${JSON.stringify(eventName)}, ${schemaVersion}, envelope, properties)
}`,
    `// ${track} sends an event: ${story.join(' ')}
func ${track}[Option any](ctx context.Context, client Client[Option], envelope Envelope, properties ${type}, options ...Option) (*headgatev1.TrackResponse, error) {
	event, err := ${build}(envelope, properties)
	if err != nil {
		return nil, err
	}
	return client.Track(ctx, &headgatev1.TrackRequest{Event: event}, options...)
}`,
  ].join('\n\n');
}

function objectText(object: ModelObject, story: readonly string[], names: NameTable): string {
  const { name, members, extra, notes } = object;
  const about = [...(story.length > 0 ? story : commentLines(notes))];
  if (extra !== undefined) about.push('Others holds properties that the schema does not name.');
  const fields = new NameTable('Go', extra === undefined ? [] : ['Others']);
  const lines: string[] = [];
  for (const member of members) {
    const field = fields.take(goName(member.name), `${name}'s property ${member.name}`);
    const notesOf = [...member.notes, member.required ? 'Required.' : ''];
    for (const line of commentLines(notesOf)) lines.push(`\t// ${line}`);
    const text = typeText(member.type);
    // nil means not sent, or null. Lists and maps need no pointer for that.
    const isPointer = (!member.required || member.nullable) && !canBeNil(member.type);
    const shown = isPointer ? `*${text}` : text;
    const tag = `json:${JSON.stringify(member.name + (member.required ? '' : ',omitempty'))}`;
    lines.push(`\t${field} ${shown} \`${tag}\``);
  }
  if (extra !== undefined) lines.push(`\tOthers map[string]${typeText(extra)} \`json:"-"\``);
  const comment = [`${name}: ${about.join(' ') || 'a part of the properties.'}`];
  const struct = `${comment.map((line) => `// ${line}`).join('\n')}\ntype ${name} struct {\n${lines.join('\n')}\n}`;
  const enums = members.flatMap((member) => enumText(name, member.name, member.type, names));
  const marshal = extra === undefined ? [] : [marshalText(name)];
  return [struct, ...marshal, ...enums].join('\n\n');
}

/** The fields and Others are one object in the event. If both have a name, the field wins. */
function marshalText(name: string): string {
  return `// MarshalJSON writes the fields and the others as one object.
func (properties ${name}) MarshalJSON() ([]byte, error) {
	type plain ${name}
	text, err := json.Marshal(plain(properties))
	if err != nil || len(properties.Others) == 0 {
		return text, err
	}
	members := map[string]json.RawMessage{}
	for name, value := range properties.Others {
		if members[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	if err = json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}`;
}

/** A constant for each string of an enum. The field itself is a plain string. */
function enumText(owner: string, member: string, type: ModelType, names: NameTable): string[] {
  if (type.kind !== 'enum' || !isTexts(type.values)) return [];
  const prefix = `${owner}${pascalCase(member)}`;
  const lines = type.values.map((value) => {
    const constant = names.take(
      `${prefix}${pascalCase(value) || 'Empty'}`,
      `${owner}'s value ${value}`,
    );
    return `\t${constant} = ${JSON.stringify(value)}`;
  });
  return [`// The values of ${member}.\nconst (\n${lines.join('\n')}\n)`];
}

function isTexts(values: readonly unknown[]): values is readonly string[] {
  return values.every((value) => typeof value === 'string');
}

function canBeNil(type: ModelType): boolean {
  return ['array', 'map', 'any', 'union', 'null'].includes(type.kind) || typeText(type) === 'any';
}

function typeText(type: ModelType): string {
  switch (type.kind) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'integer':
      return 'int64';
    case 'number':
      return 'float64';
    case 'enum':
      return isTexts(type.values) ? 'string' : 'any';
    case 'array':
      return `List[${typeText(type.items)}]`;
    case 'map':
      return `map[string]${typeText(type.values)}`;
    case 'object':
      return type.name;
    default:
      return 'any';
  }
}

const initialisms = new Set(['id', 'url', 'ip', 'uuid', 'api', 'http', 'json', 'sku']);

/** `user_id` to `UserID`. */
function goName(name: string): string {
  return camelCase(name)
    .split(/(?=[A-Z])/)
    .map((word) => (initialisms.has(word.toLowerCase()) ? word.toUpperCase() : pascalCase(word)))
    .join('');
}
