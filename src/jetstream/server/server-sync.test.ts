import { expect, test } from 'vitest';

import { readVarz } from './server-sync.ts';

const varz = (config: object | undefined): object => ({
  server_name: 'nats-0',
  version: '2.14.6',
  jetstream: { config },
});

test('reads from /varz whether a server syncs before it acknowledges', () => {
  const server = { name: 'nats-0', version: '2.14.6' };
  const twoMinutes = { sync_interval: 120_000_000_000 };
  expect(readVarz(varz({ ...twoMinutes, sync_always: true }))).toEqual({
    ...server,
    sync: 'always',
    intervalMs: undefined,
  });
  expect(readVarz(varz(twoMinutes))).toEqual({ ...server, sync: 'lazy', intervalMs: 120_000 });
});

test.each([varz({}), varz(undefined), { ...varz({}), jetstream: undefined }])(
  'a server that does not say is unknown: %j',
  (value) => {
    expect(readVarz(value)).toMatchObject({ name: 'nats-0', sync: 'unknown' });
  },
);

test.each([null, undefined, 'ok', 7, [], {}, { server_name: 5, version: '2.14.6' }])(
  'another program is no server: %j',
  (value) => {
    expect(readVarz(value)).toBeUndefined();
  },
);
