import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rootCertificates } from 'node:tls';

import { expect, onTestFinished, test } from 'vitest';

import type { Config } from '../../config/config.ts';
import { instanceOf, readRelayConfig, relayDefaults, type RelayOptions } from './relay-config.ts';

const missing = (): never => {
  throw Object.assign(new Error('missing'), { code: 'ENOENT' });
};
const options: RelayOptions = { to: 'https://gate.example', key: 'hg_secret-of-the-relay\n' };

function read(
  env: Readonly<Record<string, string>> = {},
  more: Partial<RelayOptions> = {},
  file?: string,
): Config {
  return readRelayConfig(env, { ...options, ...more }, file === undefined ? missing : () => file);
}

test('without a file: one destination that holds intake, a small log, loopback without keys', () => {
  const config = read({}, { source: 'shop-fra' });
  expect(config.destinations).toHaveLength(1);
  const [{ name, type, whenFull, settings, start }] = config.destinations as [
    Config['destinations'][number],
  ];
  expect({ name, type, whenFull }).toEqual({ name: 'gate', type: 'headgate', whenFull: 'hold' });
  expect(start).toEqual({ kind: 'earliest' });
  expect(settings['url']).toBe('https://gate.example');
  expect(settings['key']).toBe('hg_secret-of-the-relay');
  expect(config.source).toBe('shop-fra');
  expect(config.listen).toEqual({ host: '127.0.0.1', port: 8080 });
  expect(config.durability).toBe('fsync');
  expect(config.log.storageBytesMax).toBe(1024 ** 3);
  expect(config.relay).toEqual({ destination: 'gate', contractsIntervalMs: 10_000 });
  expect(relayDefaults.get('log.retention_min')).toBe(relayDefaults.get('log.dedup_window'));
  expect(config.log.retentionMinMs).toBe(120_000);
});

test('what was forwarded stays for the dedup window, and not longer, also one that was set', () => {
  const ofFile = read({}, {}, 'log: { dedup_window: 10m }');
  const ofVariable = read({ HEADGATE_LOG_DEDUP_WINDOW: '30s' });
  expect([ofFile, ofVariable].map(({ log }) => [log.dedupWindowMs, log.retentionMinMs])).toEqual([
    [600_000, 600_000],
    [30_000, 30_000],
  ]);
});

test('variables and the file win over what a relay has by default, and local keys make sources', () => {
  const hash = `sha256:${'a'.repeat(64)}`;
  const file = `auth: keys\nkeys: [{ source: web, hash: "${hash}" }]\nlog: { storage_bytes_max: 64MiB }\n`;
  const config = read({ HEADGATE_LOG_RETENTION: '2h', HEADGATE_DATA_DIR: '/var/x' }, {}, file);
  expect(config.log.storageBytesMax).toBe(64 * 1024 * 1024);
  expect(config.log.retentionMs).toBe(7_200_000);
  expect(config.dataDir).toBe('/var/x');
  expect(config.keys.map(({ source }) => source)).toEqual(['web']);
});

test('the key and the gate may come from the environment', () => {
  const env = { HEADGATE_RELAY_KEY: 'hg_from-env', HEADGATE_RELAY_TO: 'https://other.example' };
  const config = readRelayConfig(env, {}, missing);
  expect(config.destinations[0]!.settings['url']).toBe('https://other.example');
});

test('--ca names the CAs of the far gate, as its variable does', () => {
  const caOf = (config: Config): unknown => config.destinations[0]!.settings['tls_ca'];
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-ca-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const ca = path.join(folder, 'ca.pem');
  writeFileSync(ca, rootCertificates[0]!);
  expect(caOf(read({}, { ca }))).toBe(ca);
  expect(caOf(read({ HEADGATE_RELAY_CA: ca }))).toBe(ca);
  expect(caOf(read())).toBe(null);
});

test('--listen wins over the variable and the file', () => {
  const env = { HEADGATE_LISTEN: '127.0.0.1:1' };
  const config = read(env, { listen: 'unix:/run/relay.sock' }, 'listen: 127.0.0.1:2');
  expect(config.listen).toEqual({ socketPath: '/run/relay.sock' });
});

test('a file that names the destination needs no --to', () => {
  const file = 'destinations: { head: { type: headgate, url: "https://g", key: k, ack_wait: 5s } }';
  const config = readRelayConfig({}, {}, () => file);
  expect(config.relay?.destination).toBe('head');
  expect(config.destinations[0]!.ackWaitMs).toBe(5_000);
});

test.each<[string, () => Config, RegExp]>([
  ['no gate', () => readRelayConfig({}, { key: 'hg_x' }, missing), /--to URL/],
  ['no key', () => read({}, { key: '' }), /no write key for gate\.example/],
  ['a missing file that was named', () => read({}, { config: 'x.yaml' }), /x\.yaml cannot be read/],
  [
    'two gates',
    () => read({}, {}, 'destinations: { a: { type: headgate, url: "https://g", key: k } }'),
    /leave out one/,
  ],
  [
    'CAs in two places',
    () =>
      readRelayConfig(
        {},
        { ca: 'ca.pem' },
        () => 'destinations: { a: { type: headgate, url: "https://g", key: k } }',
      ),
    /name the CAs there, as tls_ca/,
  ],
  [
    'another type',
    () => readRelayConfig({}, {}, () => 'destinations: { a: { type: sqlite, path: x.db } }'),
    /one destination, of type headgate/,
  ],
  ['several processes', () => read({ HEADGATE_PROCESSES: '2' }), /A relay is one process/],
  ['a wrong address', () => read({}, { listen: '/run/a.sock' }), /or unix:PATH/],
  ['a wrong source', () => read({}, { source: 'a.b' }), /is not a source/],
  ['an unknown variable', () => read({ HEADGATE_RELAY_KEYS: 'hg_x' }), /is not known/],
])('%s stops the start, and no message shows the key', (_what, start, text) => {
  expect(start).toThrow(text);
  expect(start).not.toThrow('secret-of-the-relay');
});

test('--source wins over the variable and the file, as every option does', () => {
  expect(read({ HEADGATE_SOURCE: 'a' }, { source: 'b' }, 'source: c').source).toBe('b');
});

test.each<[string, Partial<RelayOptions>, Readonly<Record<string, string>>]>([
  ['--to', { to: 'gate.example' }, {}],
  ['--to', { to: 'https://gate.example/path' }, {}],
  ['--key', { key: 'two words' }, {}],
  ['--ca', { ca: '/none.pem' }, {}],
  ['--ca', { ca: '/none.pem', to: 'http://gate.example' }, {}],
  ['--source', { source: 'a.b' }, {}],
  ['--listen', { listen: '8080' }, {}],
  ['--listen', { listen: 'unix:8080' }, {}],
  ['--listen', { listen: '0.0.0.0:8080' }, {}],
  ['HEADGATE_RELAY_TO', { to: undefined }, { HEADGATE_RELAY_TO: 'gate.example' }],
  ['HEADGATE_RELAY_KEY', { key: undefined }, { HEADGATE_RELAY_KEY: 'two words' }],
  ['HEADGATE_RELAY_CA', {}, { HEADGATE_RELAY_CA: '/none.pem' }],
  ['HEADGATE_LISTEN', {}, { HEADGATE_LISTEN: '8080' }],
])('a fault names %s, which was typed: %j', (place, more, env) => {
  expect(() => read(env, more)).toThrow(new RegExp(`^ *${place}: (?!.*HEADGATE_)`, 'm'));
  expect(() => read(env, more)).not.toThrow(/destinations\.gate/);
});

test('a fault of a destination in the file names its place in the file', () => {
  const file = 'destinations: { gate: { type: headgate, url: "https://g/x", key: k } }';
  expect(() => readRelayConfig({}, {}, () => file)).toThrow('destinations.gate.url: take the path');
});

test('the name of a host is written in the letters that the far gate takes', () => {
  expect(instanceOf('Pod_1.example')).toBe('Pod_1.example');
  expect(instanceOf(`ä/${'x'.repeat(70)}`)).toBe(`--${'x'.repeat(62)}`);
});
