import { describe, expect, test } from 'vitest';

import { isMissing, openWorkshop, type Workshop } from './generated-client.ts';
import { goStubs, javaStubs, pythonStubs } from './protobuf-stubs.ts';

const goUse = (field: string): string => `package main
import (
	"context"
	"fmt"
	"example.com/shop/events"
	headgatev1 "example.com/shop/gen/headgate/v1"
)
type option int
type client struct{}
func (client) Track(_ context.Context, in *headgatev1.TrackRequest, _ ...option) (*headgatev1.TrackResponse, error) {
	fmt.Println(in.Event.PropertiesJson, len(in.Event.IdempotencyKey), in.Event.SchemaVersion)
	return &headgatev1.TrackResponse{}, nil
}
func main() {
	_, err := events.ThingCreated(context.Background(), client{}, events.Envelope{UserID: "u"}, events.ThingCreatedProperties{
		ID: "7", Count: 1, State: events.ThingCreatedPropertiesStateOnHold, Owner: events.ThingCreatedPerson{Name: "Zo"},
		${field}
	})
	fmt.Println(err)
}
`;

const pythonUse = (entry: string): string => `import headgate_events as events
from headgate.v1 import track_service_pb2

def send(request: track_service_pb2.TrackRequest) -> str:
    return request.event.properties_json + " " + str(len(request.event.idempotency_key))

print(events.thing_created(send, {
    "id": "7", "count": 1, "note": None, "state": "on hold", "owner": {"name": "Zo"}, "tags": [], ${entry}
}, user_id="u"))
print(events.parcel_shipped(send, anonymous_id="a"))
`;

const javaUse = (call: string): string => `import headgate.events.HeadgateEvents;
import headgate.events.HeadgateEvents.*;
import java.util.List;
public class Use {
  public static void main(String[] arguments) {
    HeadgateEvents.thingCreated(request -> { System.out.println(request); return 1; }, Envelope.ofUser("u"),
        new ThingCreatedProperties("7", 1, null, ThingCreatedPropertiesState.ON_HOLD, new ThingCreatedPerson("Z\\"o"), List.of())${call});
    HeadgateEvents.parcelShipped(request -> request, Envelope.ofAnonymous("a"), new ParcelShippedProperties());
    String half = "\\ud83d";
    System.out.println(new ParcelShippedProperties().carrier(half + "\\ude00" + half));
    try {
      HeadgateEvents.parcelShippedEvent(Envelope.ofUser(half), new ParcelShippedProperties());
    } catch (IllegalArgumentException error) {
      System.out.println(error.getMessage());
    }
  }
}
`;

const javaFiles = [...Object.keys(javaStubs), 'headgate/events/HeadgateEvents.java', 'Use.java'];

/** On its first run, a compiler builds its own library, and the machine may be busy. */
const timeout = 400_000;

describe('codegen --lang go', { timeout }, () => {
  const protoImport = 'example.com/shop/gen/headgate/v1';
  const vet = (workshop: Workshop) =>
    workshop.run('go', ['vet', './events', './use'], { GOFLAGS: '-mod=mod', GOPROXY: 'off' });

  test.skipIf(isMissing('go', ['version']))(
    'compiles, and a wrong property is an error',
    async () => {
      const workshop = await openWorkshop({ language: 'go', protoImport }, 'events');
      workshop.write({
        ...goStubs,
        'use/main.go': goUse(
          'OddName: new(int64), Parts: []events.ThingCreatedPart{{SKU: "s"}}, Open: &events.ThingCreatedOpen{Others: map[string]any{"x": 1}},',
        ),
      });
      expect(vet(workshop)).toEqual({ status: 0, output: '' });
      const ran = workshop.run('go', ['run', './use'], { GOFLAGS: '-mod=mod', GOPROXY: 'off' });
      expect(ran.output).toBe(
        '{"id":"7","count":1,"note":null,"state":"on hold","owner":{"name":"Zo"},"tags":[],' +
          '"parts":[{"sku":"s"}],"odd-name":0,"open":{"x":1}} 36 1\n<nil>\n',
      );
      workshop.write({ 'use/main.go': goUse('Totl: 1,') });
      expect(vet(workshop).output).toContain('unknown field Totl');
      workshop.write({ 'use/main.go': goUse('Tags: []int{1},') });
      expect(vet(workshop).status).not.toBe(0);
    },
  );
});

describe('codegen --lang python', { timeout }, () => {
  const python = 'python3';
  const isNew = ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'];

  test.skipIf(isMissing(python, isNew))('compiles and runs', async () => {
    const workshop = await openWorkshop({ language: 'python' });
    workshop.write({ ...pythonStubs, 'use.py': pythonUse('"odd-name": 3') });
    const compiled = workshop.run(python, [
      '-W',
      'error',
      '-m',
      'py_compile',
      'headgate_events.py',
    ]);
    expect(compiled).toEqual({ status: 0, output: '' });
    expect(workshop.run(python, ['use.py'])).toEqual({
      status: 0,
      output:
        '{"id": "7", "count": 1, "note": null, "state": "on hold", "owner": {"name": "Zo"}, "tags": [], "odd-name": 3} 36\n{} 36\n',
    });
  });

  test.skipIf(isMissing(python, ['-m', 'mypy', '--version']))(
    'a wrong property is an error of mypy',
    async () => {
      const workshop = await openWorkshop({ language: 'python' });
      workshop.write({ ...pythonStubs, 'use.py': pythonUse('"odd-name": 3') });
      expect(workshop.run(python, ['-m', 'mypy', 'use.py']).output).toContain('Success');
      workshop.write({ 'use.py': pythonUse('"totl": 3') });
      expect(workshop.run(python, ['-m', 'mypy', 'use.py']).output).toContain('Extra key "totl"');
    },
  );
});

describe('codegen --lang java', { timeout }, () => {
  test.skipIf(isMissing('javac', ['--version']))(
    'compiles, and a wrong property is an error',
    async () => {
      const workshop = await openWorkshop({ language: 'java' });
      workshop.write({
        ...javaStubs,
        'Use.java': javaUse(
          '.weight(1.5).class_("c").open(new ThingCreatedOpen().with("x", List.of(1)))',
        ),
      });
      const compile = () =>
        workshop.run('javac', ['-Xlint:all', '-Werror', '-d', 'classes', ...javaFiles]);
      expect(compile()).toEqual({ status: 0, output: '' });
      const { output } = workshop.run('java', ['-cp', 'classes', 'Use']);
      expect(output).toContain(
        '{"id":"7","count":1,"note":null,"state":"on hold","owner":{"name":"Z\\"o"},"tags":[],"weight":1.5,"class":"c","open":{"x":[1]}}',
      );
      // The gate refuses half of a surrogate pair; as UTF-8 it would be a question mark.
      expect(output).toContain('{"carrier":"\\ud83d\\ude00\\ud83d"}');
      expect(output).toContain('An id holds half of a surrogate pair.');
      workshop.write({ 'Use.java': javaUse('.totl(1)') });
      expect(compile().output).toContain('totl');
      workshop.write({ 'Use.java': javaUse('.weight("heavy")') });
      expect(compile().status).not.toBe(0);
    },
  );
});
