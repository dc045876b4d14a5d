import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { socketPathBytesMax } from '../address.ts';
import { env, faultsOf, read } from '../read-config.fixture.ts';

describe('kinds', () => {
  const refused: readonly [string, string, RegExp][] = [
    ['HEADGATE_SHUTDOWN_GRACE', '10', /has no unit: add ms, s, m, h or d/],
    ['HEADGATE_SHUTDOWN_GRACE', '1.5h', /is not a duration/],
    ['HEADGATE_SHUTDOWN_GRACE', '10 s', /is not a duration/],
    ['HEADGATE_SHUTDOWN_GRACE', '-1s', /is not a duration/],
    ['HEADGATE_LIMITS_REQUEST_BYTES_MAX', '4MB', /is not a size/],
    ['HEADGATE_LIMITS_BATCH_EVENTS_MAX', '1.5', /is not a whole number/],
    ['HEADGATE_LIMITS_BATCH_EVENTS_MAX', '0x10', /is not a whole number/],
    ['HEADGATE_LISTEN', '8080', /write host:port/],
    ['HEADGATE_LISTEN', '127.0.0.1:65536', /write host:port/],
    ['HEADGATE_LISTEN', '127.0.0.256:80', /write host:port/],
    ['HEADGATE_LISTEN', '::1:80', /write host:port/],
    ['HEADGATE_DATA_DIR', '~/data', /begins with ~/],
    ['HEADGATE_DATA_DIR', '  ', /is empty/],
    ['HEADGATE_NATS_URL', 'localhost:4222', /nats:\/\/host:port/],
    ['HEADGATE_NATS_URL', 'nats://a:4222,https://b', /nats:\/\/host:port/],
    ['HEADGATE_ROLES', 'gate,worker', /item 2 is not known: write one of gate, deliver/],
    ['HEADGATE_AUTH', 'on', /write one of off, keys/],
  ];
  it.each(refused)('refuses %s=%s', (name, value, fault) => {
    const faults = faultsOf(env({ [name]: value }));
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults[0]).toMatch(new RegExp(`^${name}: `));
  });

  it('refuses text that YAML reads as another type', () => {
    expect(faultsOf({ file: 'data_dir: 12' })[0]).toMatch(/put it in quotes/);
    expect(faultsOf({ file: 'shutdown_grace: 10' })[0]).toMatch(/has no unit/);
    expect(faultsOf({ file: 'roles: []' })[0]).toMatch(/is empty/);
  });

  it('reads each form', () => {
    const config = read({
      file: 'roles: [deliver]\nauth: off\nshutdown_grace: 500ms\nprocesses: auto\n',
      env: {
        HEADGATE_LISTEN: 'localhost:0',
        HEADGATE_LIMITS_REQUEST_BYTES_MAX: '8192',
        HEADGATE_LOG_RETENTION: '3d',
        HEADGATE_NATS_URL: 'nats://a:4222, tls://b:4222',
      },
    });
    expect([...config.roles]).toEqual(['deliver']);
    expect(config.shutdownGraceMs).toBe(500);
    expect(config.processes).toBe(availableParallelism());
    expect(config.listen).toEqual({ host: 'localhost', port: 0 });
    expect(config.limits.requestBytesMax).toBe(8_192);
    expect(config.log.retentionMs).toBe(259_200_000);
    expect(config.nats.url).toBe('nats://a:4222,tls://b:4222');
  });
});

describe('listen', () => {
  const faults = (listen: string): string[] => faultsOf(env({ HEADGATE_LISTEN: listen }));

  it.each([
    ['unix:/run/headgate/relay.sock', '/run/headgate/relay.sock'],
    ['unix:///run/relay.sock', '/run/relay.sock'],
    ['unix:relay.sock', 'relay.sock'],
  ])('takes the Unix socket %s', (listen, socketPath) => {
    expect(read(env({ HEADGATE_LISTEN: listen })).listen).toEqual({ socketPath });
  });

  it('takes no longer path than the system does, in bytes', () => {
    const longest = `unix:/${'ä'.repeat((socketPathBytesMax - 1) / 2)}`;
    expect(faults(longest)).toEqual([]);
    expect(faults(`${longest}x`)).toEqual([
      expect.stringMatching(
        `has a path of ${socketPathBytesMax + 1} bytes, and this system takes ${socketPathBytesMax} for a socket`,
      ),
    ]);
  });

  it.each([
    'unix:',
    'unix: ',
    'unix:/run/',
    'unix:/run/..',
    'unix:.',
    'unix:8080',
    'unix:0x1f',
    'unix:1e3',
    'unix:/run/8080',
    'unix: /run/a.sock',
    'unix:/run/a.sock ',
    'unix:/run/a\nb.sock',
    'unix:/run/a\0b.sock',
  ])('refuses %j, which names no file', (listen) => {
    expect(faults(listen)).toEqual([expect.stringMatching(/names no file: write unix:PATH/)]);
  });

  it('names both forms for anything else, and the admin port takes no socket', () => {
    expect(faults('/run/relay.sock')).toEqual([
      expect.stringMatching(/write host:port, .* or unix:PATH for a Unix socket/),
    ]);
    expect(faultsOf(env({ HEADGATE_ADMIN_LISTEN: 'unix:/run/a.sock' }))).toHaveLength(1);
  });
});

describe('bounds', () => {
  const bounds: readonly [string, string, string, string, string][] = [
    ['NATS_PUBLISH_TIMEOUT', '99ms', '100ms', '60000ms', '60001ms'],
    ['PROCESSES', '0', '1', '256', '257'],
    ['LIMITS_REQUEST_BYTES_MAX', '1023', '1KiB', '64MiB', '67108865'],
    ['LIMITS_BATCH_EVENTS_MAX', '0', '1', '10000', '10001'],
    ['LIMITS_EVENT_BYTES_MAX', '1023', '1024', '8MiB', '8388609'],
    ['LIMITS_IN_FLIGHT_EVENTS_MAX', '0', '1000', '1000000', '1000001'],
    ['LIMITS_REQUEST_TIMEOUT', '99ms', '100ms', '10m', '600001ms'],
    ['LIMITS_IDLE_TIMEOUT', '999ms', '1s', '1h', '3600001ms'],
    ['LIMITS_CONNECTIONS_MAX', '0', '1', '1000000', '1000001'],
    ['LOG_RETENTION', '999ms', '1s', '3650d', '3651d'],
    ['LOG_DEDUP_WINDOW', '99ms', '100ms', '1d', '86400001ms'],
    ['LOG_STORAGE_BYTES_MAX', '1048575', '1MiB', '1024TiB', '1125899906842625'],
    ['SHUTDOWN_GRACE', '-1ms', '0s', '10m', '600001ms'],
    ['DESTINATIONS_WAREHOUSE_RETRY_ATTEMPTS', '0', '1', '100', '101'],
    ['DESTINATIONS_WAREHOUSE_RETRY_BASE', '0ms', '1ms', '1h', '3600001ms'],
    ['DESTINATIONS_WAREHOUSE_RETRY_CAP', '999ms', '1s', '1d', '86400001ms'],
    ['DESTINATIONS_WAREHOUSE_ACK_WAIT', '99ms', '100ms', '1h', '3600001ms'],
    ['DESTINATIONS_WAREHOUSE_BUSY_TIMEOUT', '-1s', '0s', '24d', '25d'],
  ];
  it.each(bounds)('hold at both ends of HEADGATE_%s', (suffix, below, least, most, above) => {
    const faults = (value: string): string[] => faultsOf(env({ [`HEADGATE_${suffix}`]: value }));
    expect(faults(below)).toHaveLength(1);
    expect(faults(least)).toEqual([]);
    expect(faults(most)).toEqual([]);
    expect(faults(above)).toEqual([expect.stringMatching(/is above .*or less/)]);
  });
});
