import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Given, env, faultsOf, read } from './read-config.fixture.ts';
import { createSecret } from './secret.ts';

function nearestIn(file: string): string | undefined {
  return /that is: (\S+)$/.exec(faultsOf({ file })[0] ?? '')?.[1];
}

describe('faults', () => {
  it('are all reported at once, each with its location', () => {
    const file = 'limits: { batch_events_max: 10s }\nlog_level: loud\nfoo: 1\n';
    expect(() => read({ file, env: { HEADGATE_PROCESSES: 'x' } })).toThrow(
      /^The configuration has 4 faults:\n {2}headgate\.yaml: foo: .*\n/,
    );
    const faults = faultsOf({ file, env: { HEADGATE_PROCESSES: 'x' } });
    expect(faults).toContainEqual(
      expect.stringMatching(/^headgate\.yaml: limits\.batch_events_max: "10s" is not a whole/),
    );
    expect(faults).toContainEqual(expect.stringMatching(/yaml: log_level: "loud" .*debug/));
    expect(faults).toContainEqual(expect.stringMatching(/^HEADGATE_PROCESSES: "x" .*auto/));
  });

  it('name the nearest key', () => {
    expect(nearestIn('listn: a')).toBe('listen');
    expect(nearestIn('limits: { batch_event_max: 1 }')).toBe('limits.batch_events_max');
    expect(nearestIn('batch_events_max: 1')).toBe('limits.batch_events_max');
    expect(nearestIn('limit: { batch_events_max: 1 }')).toBe('limits');
    expect(nearestIn('destination: {}')).toBe('destinations');
    expect(nearestIn('__proto__: {}')).toBeDefined();
    expect(nearestIn('key: []')).toBe('keys');
  });

  it.each(['10.0.0.7', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0', '::/128'])(
    'are not found in the trusted proxy %s',
    (proxy) => {
      expect(read({ file: `trusted_proxies: ["${proxy}"]` }).trustedProxies).toEqual([proxy]);
    },
  );

  it.each(['proxy.example', '10.0.0.0/33', 'fd00::/129', '10.0.0/8', '10.0.0.0/8/8', '10.0.0.0/'])(
    'are found in the trusted proxy %s',
    (proxy) => {
      expect(faultsOf({ file: `trusted_proxies: [10.0.0.1, "${proxy}"]` })).toEqual([
        expect.stringMatching(/^headgate\.yaml: trusted_proxies: item 2 is neither .* fd00::\/8$/),
      ]);
    },
  );

  it('name the nearest variable', () => {
    expect(faultsOf(env({ HEADGATE_LISTN: 'a' }))).toEqual([
      'HEADGATE_LISTN: is not known; the nearest that is: HEADGATE_LISTEN',
    ]);
    expect(faultsOf(env({ HEADGATE_KEYS: 'a' }))[0]).toMatch(/list them under keys in headgate/);
    expect(faultsOf(env({ HEADGATE_DESTINATIONS_CRM_URL: 'a' }))).toHaveLength(1);
  });

  it('ignore the variables that Kubernetes adds for a Service named headgate', () => {
    const links = {
      HEADGATE_SERVICE_HOST: '10.0.0.1',
      HEADGATE_SERVICE_PORT: '8080',
      HEADGATE_SERVICE_PORT_HTTP: '8080',
      HEADGATE_PORT: 'tcp://10.0.0.1:8080',
      HEADGATE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      HEADGATE_PORT_8080_TCP_ADDR: '10.0.0.1',
      HEADGATE_ADMIN_PORT: 'tcp://10.0.0.1:8081',
    };
    expect(faultsOf(env(links))).toEqual([]);
    expect(faultsOf(env({ HEADGATE_ADMIN_PORT: '8081' }))).toHaveLength(1);
  });

  it('report repeated keys and invalid YAML', () => {
    expect(faultsOf({ file: 'auth: off\nprocesses: 2\nauth: keys\n' })).toContainEqual(
      expect.stringMatching(/line 3, column 1: the key auth is there twice/),
    );
    expect(faultsOf({ file: 'log:\n  retention: 1d\n  retention: 2d' })).toHaveLength(1);
    expect(faultsOf({ file: 'a: [b\nc: d' })[0]).toMatch(/^headgate\.yaml: line \d, column \d: is/);
    expect(faultsOf({ file: 'roles: [*gate]' })[0]).toMatch(/put quotes around/);
    expect(faultsOf({ file: '- a' })[0]).toMatch(/not a map of settings/);
    expect(faultsOf({ file: 'data_dir: !!js/function a' })[0]).toMatch(/TAG_RESOLVE_FAILED/);
  });

  it('report a log.retention_min that the dedup window or the retention contradicts', () => {
    const log = (lines: string) => ({ file: `log:\n${lines}` });
    expect(faultsOf(log('  retention_min: 5m\n'))).toEqual([
      expect.stringMatching(/log\.retention_min: is below log\.dedup_window/),
    ]);
    expect(faultsOf(log('  retention: 1h\n  retention_min: 2h\n'))).toEqual([
      expect.stringMatching(/log\.retention_min: is above log\.retention/),
    ]);
    expect(faultsOf(log('  retention_min: 10m\n'))).toEqual([]);
  });

  it('report a number of partitions that is out of bounds', () => {
    const partitions = (count: number) => faultsOf({ file: `log: { partitions: ${count} }\n` });
    expect([1, 32].flatMap(partitions)).toEqual([]);
    expect(partitions(0)).toEqual([expect.stringMatching(/log\.partitions: "0" is below 1/)]);
    expect(partitions(33)).toEqual([expect.stringMatching(/log\.partitions: "33" is above 32/)]);
  });

  it('do not include faults that follow from an unreadable file', () => {
    const given = env({ HEADGATE_AUTH: 'keys', HEADGATE_DESTINATIONS_CRM_URL: 'https://a' });
    expect(faultsOf({ ...given, configFile: 'gone.yaml' })).toHaveLength(1);
  });

  it('report a value in place of a section, and a missing value', () => {
    expect(faultsOf({ file: 'limits: 5' })[0]).toMatch(/limits: is not a map/);
    expect(faultsOf({ file: 'listen: { host: a }' })[0]).toMatch(/listen: is not an address/);
    expect(faultsOf({ file: 'data_dir:' })[0]).toMatch(/"null" has no value|data_dir: has no/);
    expect(faultsOf({ file: 'limits:\n' })).toEqual([]);
    expect(faultsOf({ file: '# nothing\n' })).toEqual([]);
  });
});

describe('secrets', () => {
  const word = 'hunter2-very-secret';

  it('are shown by reveal() only', () => {
    const secret = createSecret(word);
    expect(secret.reveal()).toBe(word);
    expect(`${String(secret)} ${JSON.stringify({ secret })}`).toBe('*** {"secret":"***"}');
    expect(inspect({ secret }, { showHidden: true, depth: 9 })).toBe('{ secret: *** }');
    expect(inspect({ ...secret })).not.toContain(word);
  });

  it.each<[string, Given]>([
    ['a key in place of its hash', { file: `keys:\n  - { source: a, hash: ${word} }` }],
    ['a URL', env({ HEADGATE_NATS_URL: `https://user:${word}@host` })],
    ['a reference', { file: 'processes: ${P}', env: { P: word } }],
    ['a list of references', { file: 'roles: ["${P}"]', env: { P: word } }],
    ['a token that is a number', { file: `admin: { token: [${word}] }` }],
    ['text that is no YAML', { file: `admin: { token: "${word}\nfoo: }` }],
    ['a bad escape', { file: `admin: { token: "\\q${word}" }` }],
    ['a tag', { file: `admin: { token: !${word} a }` }],
    ['an alias', { file: `admin: { token: *${word} }` }],
    ['a block scalar header', { file: `admin:\n  token: |${word}\n    a` }],
    ['a bad start', { file: `admin:\n  token: @${word}` }],
    [
      'a URL of a destination',
      {
        file: `destinations: { a: { type: webhook, secret: [${word}], url: ${word} } }`,
      },
    ],
  ])('never appear in a message: %s', (_title, given) => {
    const faults = faultsOf(given);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join('\n')).not.toContain(word);
  });
});
