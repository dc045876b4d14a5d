import { randomUUID } from 'node:crypto';
import { cpSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { describe, expect, test } from 'vitest';

import { EventResult_Status } from '../../gen/headgate/v1/event_result_pb.ts';
import { TrackService } from '../../gen/headgate/v1/track_service_pb.ts';
import { openGate } from '../endpoints/open-gate.ts';
import { everySchema, openWorkshop, root, type Workshop } from './generated-client.ts';

const settings = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  },
  include: ['*.ts'],
};

async function open(): Promise<Workshop> {
  const workshop = await openWorkshop({ language: 'ts' });
  cpSync(path.join(root, 'gen'), path.join(workshop.folder, 'gen'), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(workshop.folder, 'node_modules'));
  workshop.write({
    'tsconfig.json': JSON.stringify(settings),
    'package.json': '{"type":"module"}',
  });
  return workshop;
}

/** The generated client of Connect, which also speaks gRPC. */
const begin = `
import type { Client } from '@connectrpc/connect';
import type { TrackService } from './gen/headgate/v1/track_service_pb.ts';
import { parcelShipped, schemaVersions, thingCreated, thingCreatedEvent, type Events } from './events.ts';
declare const client: Client<typeof TrackService>;
const good: Events['thing_created'] = {
  id: '7', count: 1, note: null, state: 'on hold', owner: { name: 'Zo' }, tags: ['a'],
};
`;

const right = `
export const answer = await thingCreated(client, {
  userId: 'u-1',
  occurredAt: new Date(),
  context: { page: { url: '/' } },
  properties: {
    ...good, weight: 1.5, is_new: true, level: 2, kind: 'thing', maybe: null, maker: { name: 'A', email: 'a@b' },
    parts: [{ sku: 's', size: null }], labels: { any: 'text' }, either: 5, pair: ['a', 1], anything: [1, {}],
    class: 'c', 'odd-name': 3, both: { left: 1, right: 2 }, open: { name: 'n', more: true },
  },
});
export const id: string | undefined = answer.result?.eventId;
export const version: 1 = schemaVersions.thing_created;
await parcelShipped(client, { anonymousId: 'a-1' });
await client.batchTrack({ events: [thingCreatedEvent({ userId: 'u', properties: good })] });
`;

/** Each case is one mistake in otherwise correct code. */
const wrong: Readonly<Record<string, string>> = {
  'an unknown property': `{ userId: 'u', properties: { ...good, totl: 1 } }`,
  'an unknown property inside': `{ userId: 'u', properties: { ...good, owner: { name: 'n', age: 3 } } }`,
  'a wrong type': `{ userId: 'u', properties: { ...good, count: '1' } }`,
  'a value outside the enum': `{ userId: 'u', properties: { ...good, state: 'ajar' } }`,
  'a missing property': `{ userId: 'u', properties: { id: '7', count: 1, note: null, tags: [], state: 'open' } }`,
  'a null that is not allowed': `{ userId: 'u', properties: { ...good, weight: null } }`,
  'a property that is never allowed': `{ userId: 'u', properties: { ...good, forbidden: 1 } }`,
  'no properties': `{ userId: 'u' }`,
  'nobody who did it': `{ properties: good }`,
  'a wrong item': `{ userId: 'u', properties: { ...good, tags: [1] } }`,
};

describe('codegen --lang ts', () => {
  test('correct code compiles, and each mistake is an error', async () => {
    const workshop = await open();
    const mistakes = Object.values(wrong).map(
      (argument) => `// @ts-expect-error\nawait thingCreated(client, ${argument});\n`,
    );
    workshop.write({
      'right.ts': begin + right,
      'wrong.ts': `${begin}${mistakes.join('')}void [parcelShipped, schemaVersions, thingCreatedEvent];\nexport {};\n`,
    });
    const { status, output } = workshop.run(path.join(root, 'node_modules/.bin/tsc'), []);
    expect(output).toBe('');
    expect(status).toBe(0);
  });

  test('types the events of @headgate/client', async () => {
    const workshop = await open();
    const client = JSON.stringify(path.join(root, 'client/src/index.ts'));
    const start = `import { createHeadgateClient } from ${client};
import type { Events } from './events.ts';
const client = createHeadgateClient<Events>({} as never);
`;
    const use = `await client.track({ eventName: 'parcel_shipped', userId: 'u', properties: { carrier: 'c' } });
await client.track({ eventName: 'parcel_shipped', userId: 'u' });
// @ts-expect-error
await client.track({ eventName: 'parcel_shipped', userId: 'u', properties: { carier: 'c' } });
// @ts-expect-error
await client.track({ eventName: 'parcel_lost', userId: 'u' });
// @ts-expect-error
await client.track({ eventName: 'thing_created', userId: 'u', properties: { id: '7' } });
`;
    workshop.write({ 'use.ts': start + use });
    const { status, output } = workshop.run(path.join(root, 'node_modules/.bin/tsc'), []);
    expect(output).toBe('');
    expect(status).toBe(0);
  });

  test('its functions take the client of @headgate/client, with and without its types', async () => {
    const workshop = await open();
    const client = JSON.stringify(path.join(root, 'client/src/index.ts'));
    const use = `import { createHeadgateClient, type HeadgateClient } from ${client};
import { parcelShipped, type Events } from './events.ts';
const plain: HeadgateClient = createHeadgateClient({} as never);
const typed = createHeadgateClient<Events>({} as never);
for (const client of [plain, typed]) {
  const receipt = await parcelShipped(client, { userId: 'u', properties: { carrier: 'c' } });
  const key: string = receipt.idempotencyKey;
  // @ts-expect-error
  await parcelShipped(client, { userId: 'u', properties: { carier: key } });
  // @ts-expect-error
  await parcelShipped(client, { properties: { carrier: 'c' } });
}
// @ts-expect-error
await parcelShipped({ track: () => Promise.resolve(1), flush: 1 }, { userId: 'u' });
`;
    workshop.write({ 'use.ts': use });
    const { status, output } = workshop.run(path.join(root, 'node_modules/.bin/tsc'), []);
    expect(output).toBe('');
    expect(status).toBe(0);
  });

  test('the gate accepts its event, and stores it once if it is sent again', async () => {
    const workshop = await open();
    await using gate = await openGate({ env: { HEADGATE_SCHEMAS_DIR: everySchema } });
    const events = await import(pathToFileURL(path.join(workshop.folder, 'events.ts')).href);
    const client = createClient(
      TrackService,
      createConnectTransport({ baseUrl: gate.url, httpVersion: '1.1' }),
    );
    const owner = { name: 'Zo' };
    const properties = {
      id: randomUUID(),
      count: 1,
      note: null,
      state: 'on hold',
      owner,
      tags: [],
    };
    const occurredAt = new Date('1969-12-31T23:59:59.250Z');
    const made = events.thingCreatedEvent({ userId: 'u-1', properties, occurredAt });
    expect(made.idempotencyKey).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
    // Half a surrogate pair would arrive as U+FFFD: as another person's event.
    for (const half of [
      { userId: 'u-\ud800' },
      { userId: 'u', anonymousId: '\udc00' },
      { userId: 'u', context: { a: ['\ud800'] } },
    ]) {
      expect(() => events.thingCreatedEvent({ properties, ...half })).toThrow(/surrogate pair/);
    }
    const whole = { userId: '\u{1f600}\\ud800', context: { a: '\\ud83d' } };
    expect(events.thingCreatedEvent({ properties, ...whole })).toMatchObject(whole);
    const first = await client.track({ event: made });
    const second = await client.track({ event: made });
    expect([first.result!.status, second.result!.status]).toEqual([
      EventResult_Status.ACCEPTED,
      EventResult_Status.DUPLICATE,
    ]);
    const other = await events.thingCreated(client, { userId: 'u-1', properties });
    expect(other.result.status).toBe(EventResult_Status.ACCEPTED);
    const [stored] = await gate.events();
    expect(JSON.parse(stored!.bytes.toString())).toMatchObject({
      eventName: 'thing_created',
      schemaVersion: 1,
      properties,
      occurredAt: occurredAt.toISOString(),
    });
  });
});
