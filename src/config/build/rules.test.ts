import { describe, expect, it } from 'vitest';
import { env, faultsOf, keyLine, read } from '../read-config.fixture.ts';

describe('rules between settings', () => {
  it('refuses to listen beyond loopback without keys', () => {
    for (const listen of ['0.0.0.0:8080', '[::]:8080', '10.0.0.1:80', 'gate.internal:80']) {
      expect(faultsOf(env({ HEADGATE_LISTEN: listen }))).toEqual([
        expect.stringMatching(/^HEADGATE_LISTEN: .* while auth is off.*set auth to keys/),
      ]);
    }
    for (const listen of ['127.9.9.9:8080', '[::1]:8080', '[::ffff:127.0.0.1]:80', 'localhost:0']) {
      expect(faultsOf(env({ HEADGATE_LISTEN: listen }))).toEqual([]);
    }
    const file = `listen: 0.0.0.0:8080\nauth: keys\nkeys:\n${keyLine('a')}`;
    expect(faultsOf({ file })).toEqual([]);
  });

  it('takes auth by keys without a key: keys may be kept in the log alone', () => {
    expect(faultsOf({ file: 'auth: keys' })).toEqual([]);
    expect(faultsOf({ file: 'listen: 0.0.0.0:8080\nauth: keys\nkeys: []' })).toEqual([]);
  });

  it('refuses a weak token of the admin port, also on loopback, and says how to make one', () => {
    const names = ['HEADGATE_ADMIN_TOKEN', 'HEADGATE_ADMIN_METRICS_TOKEN'] as const;
    for (const name of names) {
      for (const token of ['a', 'abcde', 'x'.repeat(15)]) {
        expect(faultsOf(env({ [name]: token }))).toEqual([
          expect.stringMatching(`^${name}: has fewer than 16 characters.*openssl rand -hex 24`),
        ]);
      }
      expect(faultsOf(env({ [name]: 'x'.repeat(16) }))).toEqual([]);
    }
    const [admin, metrics] = names;
    const [one, other] = ['x'.repeat(16), 'y'.repeat(16)];
    expect(faultsOf(env({ [admin]: one, [metrics]: one }))).toEqual([
      expect.stringMatching(/^HEADGATE_ADMIN_METRICS_TOKEN: is the same as admin\.token/),
    ]);
    expect(faultsOf(env({ [admin]: one, [metrics]: other }))).toEqual([]);
  });

  it('refuses an open admin port without a token', () => {
    const open = { HEADGATE_ADMIN_LISTEN: '0.0.0.0:8081' };
    expect(faultsOf(env(open))).toEqual([expect.stringMatching(/set HEADGATE_ADMIN_TOKEN/)]);
    expect(faultsOf(env({ ...open, HEADGATE_ADMIN_TOKEN: 't0ken-of-the-test' }))).toEqual([]);
  });

  it('refuses the same port for both listeners, unless it is 0', () => {
    expect(faultsOf(env({ HEADGATE_LISTEN: '127.0.0.1:8081' }))).toEqual([
      expect.stringMatching(/has port 8081/),
    ]);
    const free = { HEADGATE_LISTEN: '127.0.0.1:0', HEADGATE_ADMIN_LISTEN: '127.0.0.1:0' };
    expect(faultsOf(env(free))).toEqual([]);
  });

  it('takes a Unix socket without keys, and not with TLS', () => {
    const socket = { HEADGATE_LISTEN: 'unix:/run/gate.sock' };
    expect(faultsOf(env(socket))).toEqual([]);
    const tls = { HEADGATE_TLS_CERT: 'c.pem', HEADGATE_TLS_KEY: 'k.pem' };
    expect(faultsOf(env({ ...socket, ...tls }))).toEqual([
      expect.stringMatching(
        /is a Unix socket, which is in the clear.*Remove tls\.cert and tls\.key/,
      ),
    ]);
  });

  it('refuses half of TLS', () => {
    expect(faultsOf(env({ HEADGATE_TLS_CERT: 'c.pem' }))).toHaveLength(1);
    expect(faultsOf(env({ HEADGATE_TLS_KEY: 'k.pem' }))).toHaveLength(1);
    const both = { HEADGATE_TLS_KEY: 'k.pem', HEADGATE_TLS_CERT: 'c.pem' };
    expect(read(env(both)).tls).toMatchObject({ cert: 'c.pem', key: 'k.pem' });
  });

  it('refuses half of TLS on the admin port, and half of a client certificate', () => {
    const both = { HEADGATE_ADMIN_TLS_KEY: 'k.pem', HEADGATE_ADMIN_TLS_CERT: 'c.pem' };
    for (const [name, value] of Object.entries(both)) {
      expect(faultsOf(env({ [name]: value }))).toEqual([
        expect.stringMatching(/has no admin\.tls\.(cert|key) beside it/),
      ]);
    }
    const { admin, tls } = read(env(both));
    expect([admin.tls, tls]).toEqual([{ cert: 'c.pem', key: 'k.pem' }, undefined]);
    expect(faultsOf(env({ ...both, HEADGATE_ADMIN_TLS_CLIENT_AUTH: 'required' }))).toEqual([
      expect.stringMatching(/needs admin\.tls\.client_ca, admin\.tls\.cert and admin\.tls\.key/),
    ]);
    expect(faultsOf(env({ ...both, HEADGATE_ADMIN_TLS_CLIENT_CA: 'ca.pem' }))).toEqual([
      expect.stringMatching(/is not used while admin\.tls\.client_auth is off/),
    ]);
    const client = { HEADGATE_ADMIN_CLIENT_CERT: 'c.pem', HEADGATE_ADMIN_CLIENT_KEY: 'k.pem' };
    expect(faultsOf(env(client))).toEqual([]);
    for (const [name, value] of Object.entries(client)) {
      expect(faultsOf(env({ [name]: value }))).toEqual([
        expect.stringMatching(/has no admin\.client\.(cert|key) beside it/),
      ]);
    }
  });

  it('derives durability from the location of the log, and refuses what it cannot keep', () => {
    const external = { HEADGATE_NATS_URL: 'nats://a:4222' };
    expect(read(env(external)).durability).toBe('replicated');
    expect(read(env({ HEADGATE_DURABILITY: 'async' })).durability).toBe('async');
    expect(faultsOf(env({ ...external, HEADGATE_DURABILITY: 'fsync' }))).toEqual([
      expect.stringMatching(/out of its reach/),
    ]);
    expect(faultsOf(env({ HEADGATE_DURABILITY: 'replicated' }))).toEqual([
      expect.stringMatching(/no quorum/),
    ]);
  });

  it('refuses a batch limit above the in-flight limit', () => {
    expect(faultsOf(env({ HEADGATE_LIMITS_IN_FLIGHT_EVENTS_MAX: '999' }))).toHaveLength(1);
    expect(faultsOf(env({ HEADGATE_LIMITS_IN_FLIGHT_EVENTS_MAX: '1000' }))).toEqual([]);
  });

  it('skips rules whose values could not be read', () => {
    const given = { HEADGATE_ADMIN_LISTEN: '0.0.0.0:8081', HEADGATE_ADMIN_TOKEN: ' ' };
    expect(faultsOf(env(given))).toEqual([expect.stringMatching(/ADMIN_TOKEN: is empty/)]);
  });
});
