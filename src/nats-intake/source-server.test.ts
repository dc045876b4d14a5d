import { describe, expect, test } from 'vitest';

import type { NatsIntake } from '../config/intake/nats-intake.ts';
import { checkSourceFiles, readNatsSources } from './source-server.ts';

const own = { servers: ['127.0.0.1:4222'], user: 'headgate', password: 'own' };

function read(entry: Partial<NatsIntake>) {
  const orders = { source: 'orders', stream: 'ORDERS', consumer: 'c', format: 'headgate' } as const;
  return readNatsSources({ intake: { nats: [{ ...orders, server: undefined, ...entry }] } }, own);
}

test('files that cannot be read are reported at the start, and only there', () => {
  const url = 'tls://a';
  const [creds] = read({ server: { url, creds_file: '/none.creds' } });
  expect(() => checkSourceFiles(creds!)).toThrow(
    'intake.nats.orders.creds_file: /none.creds cannot be read (ENOENT)',
  );
  const [ca] = read({ server: { url, tls_ca: '/none.pem' } });
  expect(() => checkSourceFiles(ca!)).toThrow('intake.nats.orders.tls_ca: /none.pem cannot be');
  checkSourceFiles(read({ server: { url } })[0]!);
});

describe('the server of a source', () => {
  test('is the NATS of the log, unless it has a url', () => {
    expect(read({})[0]).toMatchObject({ source: 'orders', stream: 'ORDERS', server: own });
    const server = { url: 'nats://a:1,nats://b:2', user: 'u', password: 'p' };
    expect(read({ server })[0]!.server).toEqual({
      servers: ['a:1', 'b:2'],
      tls: undefined,
      user: 'u',
      password: 'p',
    });
    expect(read({ server: { url: 'tls://a:1', token: 't' } })[0]!.server).toEqual({
      servers: ['a:1'],
      tls: {},
      token: 't',
    });
  });

  test.each(['EVENTS', 'EVENTS_0', 'EVENTS_17', 'REJECTED', 'AUDIT', 'KV_headgate_keys'])(
    '%s: a stream of the log is refused there, and may be a name elsewhere',
    (stream) => {
      expect(() => read({ stream })).toThrow(
        `intake.nats.orders.stream: ${stream} is a stream of Headgate's own log`,
      );
      expect(read({ stream, server: { url: 'nats://a' } })[0]!.stream).toBe(stream);
    },
  );

  test.each([
    [{ url: 'http://a' }, 'intake.nats.orders.url: write nats://'],
    [{ url: 'nats://u:secret@a' }, 'set user and password in its place'],
    [{ url: 'nats://a', user: 'u' }, 'intake.nats.orders.user: set user and password together'],
    [{ url: 'nats://a', token: 't', user: 'u', password: 'p' }, 'set one of user, token'],
    [{ url: 'nats://a', tls_ca: 'ca.pem' }, 'tls_ca: needs a url that begins with tls://'],
  ])('%j is refused', (server, text) => {
    expect(() => read({ server: server as Record<string, string> })).toThrow(text);
    expect(() => read({ server: server as Record<string, string> })).not.toThrow('secret');
  });
});
