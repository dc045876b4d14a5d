import { expect, test } from 'vitest';

import { createHeadgateClient } from './client.ts';
import { readOptions, type ClientOptions } from './options.ts';

const spool = { memory: true } as const;

test('one error lists every problem, without showing the key', () => {
  const options = {
    url: 'ftp://gate',
    key: 'with a space',
    protocol: 'soap',
    inFlightMax: 0,
    batchEventsMax: 1_001,
    spool: { directory: '', fsync: 'sometimes', whenFull: 'panic', bytesMax: 1 },
  } as unknown as ClientOptions;
  const create = (): unknown => createHeadgateClient(options);
  expect(create).toThrow(
    expect.objectContaining({ name: 'HeadgateError', code: 'invalid_option' }),
  );
  for (const name of [
    'url',
    'key',
    'protocol',
    'inFlightMax',
    'batchEventsMax',
    'spool must',
    'spool.fsync',
    'spool.whenFull',
    'spool.bytesMax',
  ]) {
    expect(create).toThrow(name);
  }
  expect(create).not.toThrow('with a space');
});

test('a missing spool is an error, not a default', () => {
  const options = { url: 'http://127.0.0.1:1' } as ClientOptions;
  expect(() => readOptions(options)).toThrow(/spool must be \{ directory/);
});

test('the defaults', () => {
  expect(readOptions({ url: 'http://127.0.0.1:8080/', spool })).toMatchObject({
    url: 'http://127.0.0.1:8080',
    protocol: 'connect',
    batchEventsMax: 1_000,
    batchBytesMax: 4_194_304,
    spool: { memory: true, bytesMax: 67_108_864, whenFull: 'reject' },
  });
  expect(readOptions({ url: 'http://a', spool: { directory: 'x' } }).spool).toEqual({
    memory: false,
    directory: 'x',
    bytesMax: 1_073_741_824,
    whenFull: 'reject',
    fsync: 'always',
    fsyncIntervalMs: 1_000,
  });
});
