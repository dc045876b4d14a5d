import { describe, expect, it } from 'vitest';
import { destinationTypes, env, faultsOf, keyLine, read } from './read-config.fixture.ts';
import { readConfig } from './read-config.ts';

function failToRead(): string {
  throw Object.assign(new Error('no'), { code: 'EACCES' });
}

describe('without any configuration', () => {
  it('has the documented defaults', () => {
    const config = read();
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      admin: { listen: { host: '127.0.0.1', port: 8081 }, token: undefined },
      tls: undefined,
      http: { engine: 'own' },
      dataDir: './data',
      schemasDir: './schemas',
      enforcement: 'on',
      pii: { hashKey: undefined },
      schemasSource: 'files',
      nats: {
        url: undefined,
        serverBin: undefined,
        monitorUrls: undefined,
        publishTimeoutMs: 5_000,
      },
      processes: 1,
      durability: 'fsync',
      auth: 'off',
      keys: [],
      logLevel: 'info',
      shutdownGraceMs: 10_000,
      limits: {
        requestBytesMax: 4_194_304,
        batchEventsMax: 1_000,
        eventBytesMax: 262_144,
        inFlightEventsMax: 20_000,
        requestTimeoutMs: 30_000,
        idleTimeoutMs: 75_000,
        connectionsMax: 10_000,
      },
      log: {
        retentionMs: 604_800_000,
        retentionMinMs: 3_600_000,
        dedupWindowMs: 600_000,
        partitions: 1,
        storageBytesMax: 21_474_836_480,
      },
      rejected: { retentionMs: 604_800_000, storageBytesMax: undefined },
    });
    expect([...config.roles]).toEqual(['gate', 'deliver']);
  });

  it('delivers to a SQLite warehouse in the data directory', () => {
    expect(read(env({ HEADGATE_DATA_DIR: '/var/lib/headgate' })).destinations).toEqual([
      {
        name: 'warehouse',
        type: 'sqlite',
        start: { kind: 'earliest' },
        events: [],
        sources: [],
        retry: { attempts: 5, baseMs: 1_000, capMs: 3_600_000 },
        ackWaitMs: 30_000,
        whenFull: 'aside',
        settings: { path: '/var/lib/headgate/warehouse.db', busy_timeout: 5_000 },
      },
    ]);
    const moved = read(env({ HEADGATE_DESTINATIONS_WAREHOUSE_PATH: '/w.db' }));
    expect(moved.destinations[0]?.settings['path']).toBe('/w.db');
  });

  it('is deeply frozen', () => {
    const config = read({ file: `keys:\n${keyLine('a')}` });
    const open: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) open.push(path);
      for (const [name, inner] of Object.entries(value)) visit(inner, `${path}.${name}`);
    };
    visit(config, 'config');
    expect(open).toEqual([]);
    expect(() => (config.roles as Set<string>).delete('gate')).toThrow(TypeError);
    expect(config.roles.has('gate')).toBe(true);
  });

  it('has the unit in the name of every number', () => {
    const numberNames = (value: unknown): string[] =>
      typeof value !== 'object' || value === null
        ? []
        : Object.entries(value).flatMap(([name, inner]) =>
            typeof inner === 'number' ? [name] : numberNames(inner),
          );
    const { destinations, ...config } = read();
    const names = [config, destinations[0]?.retry, { ackWaitMs: destinations[0]?.ackWaitMs }]
      .flatMap(numberNames)
      // Counts of the very thing that they are named for.
      .filter((name) => !['port', 'processes', 'partitions', 'attempts'].includes(name));
    expect(names.length).toBeGreaterThan(12);
    for (const name of names) expect(name).toMatch(/(Ms|BytesMax|EventsMax|connectionsMax)$/);
  });
});

describe('where values come from', () => {
  it('takes a variable before the file, and the file before the default', () => {
    const file = 'limits: { batch_events_max: 7 }\nlisten: 127.0.0.1:9000\n';
    const config = read({ file, env: { HEADGATE_LISTEN: '[::1]:9100' } });
    expect(config.listen).toEqual({ host: '::1', port: 9_100 });
    expect(config.limits.batchEventsMax).toBe(7);
  });

  it('takes the HTTP engine from either, and refuses unknown engines', () => {
    expect(read({ file: 'http: { engine: node }' }).http.engine).toBe('node');
    expect(read(env({ HEADGATE_HTTP_ENGINE: 'node' })).http.engine).toBe('node');
    expect(faultsOf(env({ HEADGATE_HTTP_ENGINE: 'nginx' }))).toEqual([
      expect.stringMatching(/HEADGATE_HTTP_ENGINE: "nginx" .*own.*node/),
    ]);
  });

  it('counts an empty variable as unset', () => {
    expect(read(env({ HEADGATE_NATS_URL: '' })).nats.url).toBeUndefined();
  });

  it('takes --config before HEADGATE_CONFIG before ./headgate.yaml', () => {
    const files = {
      'headgate.yaml': 'processes: 2',
      'b.yaml': 'processes: 3',
      'c.yaml': 'processes: 4',
    };
    expect(read({ files }).processes).toBe(2);
    expect(read({ files, env: { HEADGATE_CONFIG: 'b.yaml' } }).processes).toBe(3);
    const both = { files, configFile: 'c.yaml', env: { HEADGATE_CONFIG: 'b.yaml' } };
    expect(read(both).processes).toBe(4);
  });

  it('refuses a named file that is missing or cannot be read', () => {
    expect(faultsOf({ configFile: 'gone.yaml' })).toEqual([
      expect.stringMatching(/^gone\.yaml: no such file/),
    ]);
    expect(faultsOf(env({ HEADGATE_CONFIG: 'headgate.yaml' }))).toHaveLength(1);
    const sources = { env: {}, readFile: failToRead, destinationTypes };
    expect(() => readConfig(sources)).toThrow(/EACCES/);
  });

  it('replaces ${NAME} with the variable, once', () => {
    const file = 'data_dir: /d/${A}/${B}\nadmin: { token: "${T}" }\nschemas_dir: $${A}\n';
    const config = read({ file, env: { A: 'x', B: '${A}', T: 's3cret-of-the-test' } });
    expect(config.dataDir).toBe('/d/x/${A}');
    expect(config.schemasDir).toBe('${A}');
    expect(config.admin.token?.reveal()).toBe('s3cret-of-the-test');
  });

  it('reads a number from ${NAME}, and accepts HEADGATE_ names that the file references', () => {
    const file = 'limits: { batch_events_max: "${HEADGATE_SIZE}" }';
    expect(read({ file, env: { HEADGATE_SIZE: '12' } }).limits.batchEventsMax).toBe(12);
  });

  it('refuses ${NAME} that is missing, empty or unfinished', () => {
    const file = 'data_dir: ${GONE}\nschemas_dir: a${}\nroles: ["${VOID}"]\ntls: { cert: "${A" }';
    const faults = faultsOf({ file, env: { VOID: '' } });
    expect(faults.filter((fault) => fault.includes('set GONE'))).toHaveLength(1);
    expect(faults).toContainEqual(expect.stringMatching(/schemas_dir: holds \$\{ without/));
    expect(faults).toContainEqual(expect.stringMatching(/roles\[0\]: asks for \$\{VOID\}/));
    expect(faults).toContainEqual(expect.stringMatching(/tls\.cert: holds \$\{ without/));
    expect(faults).toHaveLength(4);
  });
});
