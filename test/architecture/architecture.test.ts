import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { isTest, readSources, root } from './source-files.ts';

const source = path.join(root, 'src');

/**
 * What each stage may import, besides itself. `cli` and `main.ts` stand above all of them.
 *
 * Generated messages (`gen`) belong to the edges: `gate` for producers, `operators` for operators. The
 * log stores ProtoJSON of the contract, and the stages between have plain types for it: `StoredEvent`,
 * `DeliveryAttempt`, `StoredDeadLetter`.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  event: [],
  tracing: [],
  config: ['errors'],
  observability: ['event', 'errors'],
  validation: ['gen/json-schema', 'event', 'errors'],
  http: ['errors', 'config'],
  jetstream: ['event', 'errors', 'config'],
  gate: ['gen', 'event', 'errors', 'config', 'observability', 'tracing', 'http'],
  // `gen`: the destination `headgate` speaks to another gate, as producers do.
  destinations: ['gen', 'event', 'errors', 'tracing', 'transform'],
  transform: ['event', 'errors', 'config'],
  mock: ['event', 'gate', 'http'],
  delivery: [
    'event',
    'config',
    'jetstream',
    'destinations',
    'observability',
    'tracing',
    'transform',
  ],
  'dead-letters': ['event', 'errors', 'jetstream', 'observability'],
  quarantine: ['event', 'errors', 'jetstream'],
  audit: ['errors', 'jetstream'],
  reconciliation: ['event', 'destinations', 'jetstream'],
  redelivery: ['event', 'errors', 'jetstream', 'observability', 'reconciliation'],
  locate: [
    'event',
    'errors',
    'jetstream',
    'destinations',
    'delivery',
    'dead-letters',
    'quarantine',
    'reconciliation',
  ],
  tail: ['event', 'errors', 'jetstream', 'quarantine'],
  'nats-intake': [
    'event',
    'errors',
    'config',
    'observability',
    'jetstream',
    'gate',
    'destinations',
    'quarantine',
  ],
  canary: ['event', 'config', 'jetstream', 'delivery', 'destinations', 'observability'],
  registry: ['event', 'errors', 'jetstream', 'observability', 'validation'],
  keys: ['event', 'errors', 'config', 'jetstream', 'observability'],
  catalog: ['event', 'errors', 'validation'],
  codegen: ['event', 'errors', 'validation'],
  inference: ['event', 'validation'],
  'tracking-plans': ['event', 'inference', 'validation'],
  doctor: ['event', 'errors', 'config', 'observability', 'validation', 'jetstream', 'destinations'],
  counts: ['jetstream'],
  operators: [
    'gen',
    'event',
    'errors',
    'config',
    'observability',
    'validation',
    'inference',
    'doctor',
    'counts',
    'http',
    'jetstream',
    'gate',
    'delivery',
    'dead-letters',
    'quarantine',
    'redelivery',
    'locate',
    'tail',
    'registry',
    'keys',
    'audit',
  ],
  service: [
    'event',
    'errors',
    'config',
    'observability',
    'validation',
    'doctor',
    'counts',
    'jetstream',
    'gate',
    'destinations',
    'delivery',
    'dead-letters',
    'quarantine',
    'reconciliation',
    'redelivery',
    'tail',
    'canary',
    'nats-intake',
    'registry',
    'keys',
    'audit',
    'operators',
    'transform',
    'mock',
  ],
};

/** These folders alone speak to each of these libraries. */
const owners: readonly (readonly [pattern: RegExp, folders: readonly string[]])[] = [
  // The log; and streams of an operator's own NATS, which are not the log.
  [/^@nats-io\//, ['jetstream', 'destinations']],
  [/^ajv/, ['validation']],
  [/^prom-client$/, ['observability']],
  [/^pino$/, ['observability']],
  [/^@opentelemetry\//, ['tracing']],
  [/^@connectrpc\/connect(\/|$)/, ['http', 'gate', 'operators', 'service', 'cli', 'destinations']],
  // The commands are clients of a gate that runs, in another process.
  // A destination is another gate.
  [/^@connectrpc\/connect-node$/, ['http', 'cli', 'destinations']],
  [/^undici$/, ['destinations']],
  [/^(jsonata$|quickjs-emscripten-core|@jitl\/)/, ['transform']],
  [/^(pg|@clickhouse\/|hyparquet)/, ['destinations']],
  [/^@platformatic\/kafka$/, ['destinations']],
  [/^@(aws-sdk|smithy|google-cloud)\//, ['destinations']],
  [/^(commander|cli-progress|cli-table3)$/, ['cli']],
];

/** By whom messages are settled besides delivery/settle.ts, and why. */
const settlesToo: Readonly<Record<string, string>> = {
  'jetstream/consume/delayed-copies.ts': 'passes the call on to the message of RETRY or ASIDE',
  'nats-intake/message-desk.ts': "settles messages of an operator's stream",
  'dead-letters/collect-advisories.ts': 'settles messages of ADVISORIES, which are no events',
};

/**
 * Who reads the wall clock, and why it may: a step of it, even of a day, must neither delay an event
 * nor lose one. Durations are measured by `performance.now()`, ages of stored times by
 * `event/time/steady-time.ts`.
 */
const wallClock: Readonly<Record<string, string>> = {
  'event/time/steady-time.ts': 'ages: the smaller of what both clocks say',
  'gate/accept/accept-events.ts': "the event's timestamp",
  'gate/accept/accept-limited.ts': "the event's timestamp",
  'gate/accept/replay.ts': "the event's timestamp",
  'gate/relay/forward-events.ts': "compared with the relay's clock, within five minutes",
  'gate/limits/allowances.ts': 'bytes a day: the day of UTC, which never goes back',
  'gate/webhooks/webhook-endpoint.ts': "compared with the sender's clock, within its tolerance",
  'gate/intake/authenticate.ts':
    'a key expires at a time that people chose; read for such keys alone',
  'gate/intake/keys/key-ring.ts':
    'limits end with the key that states them; read for such keys alone',
  'gate/intake/keys/limits-in-force.ts':
    'limits end with the key that states them, at a time that people chose',
  'keys/key-editor.ts': 'when a key was made or revoked, and its end, which people chose',
  'keys/key-state.ts': 'shown to people: what has expired',
  'keys/last-used.ts': 'shown to people',
  'http/current-date.ts': 'the Date header',
  'delivery/worker-state.ts': 'shown to people',
  'delivery/call.ts': 'shown to people: the start of an attempt, the latency',
  'delivery/attempt-record.ts': 'shown to people: the start of an attempt',
  'delivery/receive/receiver.ts': 'shown to people: the start of an attempt',
  'delivery/receive/due-times.ts': "once a copy, bounded by the copy's own delay",
  'delivery/settle.ts':
    'due times for other processes, which due-times.ts bounds; a start that is now',
  'observability/signals.ts': 'a gauge with a time',
  'observability/canary-metrics.ts': 'a gauge with a time',
  'canary/heartbeat.ts': 'a gauge with a time',
  'operators/events/event-service.ts': 'the default start of a search',
  'operators/contracts/registry-service.ts': 'the default start of a reading',
  'operators/overview/signal-service.ts': 'which hours are the last eight days',
  'operators/destinations/destination-service.ts': 'when a destination was paused, for people',
  'operators/console/sessions.ts': 'when a session ends at the latest, for people',
  'counts/count-hours.ts': 'the hour in which events are counted',
  'doctor/check-clock.ts': 'compared with the clock of NATS',
  'doctor/check-deliveries.ts': 'shown to people: how far a destination is behind',
  'doctor/check-gate.ts': 'shown to people: the age of the last heartbeat',
  'jetstream/consume/start-position.ts':
    'once for a new destination: the time that `from: 7d` means, and when it was recorded',
  'reconciliation/snapshot.ts': 'a count for people, of copies that are due',
  'reconciliation/confirmations.ts': 'when missing deliveries were found, for people',
  'redelivery/job.ts': 'when a redelivery ended, for people',
  'redelivery/jobs.ts': 'when a redelivery was started, for people',
  'quarantine/replay.ts': 'skips a look-up of what the log itself still recognizes',
  'quarantine/replay-marks.ts': 'shown to people',
  'dead-letters/entry-locks.ts': 'shown to people',
  'dead-letters/queue.ts': 'shown to people',
  'dead-letters/write-dead-letter.ts': 'shown to people',
  'jetstream/integrity/integrity.ts': 'when a mark was made and a loss was found, for people',
  'jetstream/integrity/ledger.ts': 'when events were deleted, for people',
  'jetstream/probe.ts': 'the text of a probe, which is never read',
  'jetstream/publish/synced-blocks.ts': 'the times of folders are wall-clock times',
  'jetstream/events/stream-parts.ts':
    'the age of a stream, where the server does not tell its time',
  'codegen/typescript.ts': 'in generated code: the time in a key',
  'destinations/webhook/webhook.ts':
    'a signature is dated; Retry-After without a Date, a day at most',
  'destinations/http/api-answers.ts': 'Retry-After without a Date, a day at most',
  'destinations/vendors/vendor.ts': 'Retry-After without a Date, a day at most',
  'destinations/clickhouse/fault.ts': 'Retry-After without a Date, a day at most',
  'destinations/sqlite/warehouse.ts': 'delivered_at',
  'destinations/parquet/spool/writer.ts': 'delivered_at',
  'destinations/snowflake/batch.ts':
    'how old a file is that a killed process left, an hour at least',
  'destinations/bigquery/bigquery.ts': 'delivered_at',
  'destinations/bigquery/journal.ts':
    'when an id came, whose age is that of event/time/steady-time.ts',
};

const files = readSources('src')
  .filter(({ name }) => !isTest(name))
  .map((file) => {
    // From src/: `http/listen.ts`.
    const name = file.name.slice('src/'.length);
    return { ...file, name, folder: name.includes('/') ? name.split('/')[0]! : '' };
  });

/** The folder of src/ (or `gen`, or a file of src/ itself) that an imported file belongs to. */
function stageOf(imported: string): string {
  const [top, second] = imported.split('/');
  // No messages: the validator of JSON Schema's own schema.
  if (top === 'gen' && second === 'json-schema') return 'gen/json-schema';
  return top === 'src' ? second!.replace(/\.ts$/, '') : top!;
}

describe('the stages', () => {
  it('are the folders of src/, and no others', () => {
    const folders = readdirSync(source, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(new Set(folders)).toEqual(new Set([...Object.keys(mayImport), 'cli']));
  });

  it('import in one direction', () => {
    const broken: string[] = [];
    for (const file of files) {
      const allowed = mayImport[file.folder];
      if (allowed === undefined) continue;
      for (const target of file.imports.map(stageOf)) {
        if (target !== file.folder && !allowed.includes(target)) {
          broken.push(`${file.name} imports ${target}`);
        }
      }
    }
    expect(broken).toEqual([]);
  });

  it('have each outside library in one place', () => {
    const broken: string[] = [];
    for (const file of files) {
      for (const specifier of file.specifiers) {
        const owner = owners.find(([pattern]) => pattern.test(specifier));
        if (owner !== undefined && !owner[1].includes(file.folder)) {
          broken.push(`${file.name} imports ${specifier}`);
        }
      }
    }
    expect(broken).toEqual([]);
  });
});

describe('one place for each', () => {
  it('of ack, nak, term and working: delivery/settle.ts settles events, and nothing else', () => {
    const settling = files
      .filter(({ text }) => /\.(ack|ackAck|nak|term|working)\(/.test(text))
      .map(({ name }) => name);
    expect(settling).toEqual(['delivery/settle.ts', ...Object.keys(settlesToo)].toSorted());
  });

  it('of log lines: signals, and service/ about its own stop', () => {
    const broken = files
      .filter(({ folder }) => folder !== 'observability' && folder !== 'service')
      .filter(({ text }) => /\blogger\.(debug|info|warn|error|fatal)\(/.test(text))
      .map(({ name }) => name);
    expect(broken).toEqual([]);
  });

  it('of the wall clock: those that need it, each for its reason', () => {
    // Commands show times to people, and read times that people write.
    const reading = files
      .filter(({ folder }) => folder !== 'cli')
      .filter(({ text }) => /\bDate\.now\b|\bnew Date\(\)/.test(text))
      .map(({ name }) => name);
    expect(reading.toSorted()).toEqual(Object.keys(wallClock).toSorted());
  });

  it('of process.env: the two entries', () => {
    const broken = files
      .filter(({ name }) => name !== 'main.ts' && name !== 'cli/main.ts')
      .filter(({ text }) => /process\.env\b/.test(text))
      .map(({ name }) => name);
    expect(broken).toEqual([]);
  });
});

describe('files', () => {
  it('do no work when they are imported', async () => {
    const before = process.getActiveResourcesInfo().length;
    for (const { name } of files) {
      // The entries run on import, and the file of a worker thread or a child process runs there alone.
      if (
        /(^|\/)main\.ts$|sqlite\/writer\.ts$|parquet\/exporter\.ts$|transform\/child\.ts$/.test(
          name,
        )
      )
        continue;
      await import(path.join(source, name));
    }
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
  });
});

describe('the top level', () => {
  it('has what the layout says', () => {
    const wanted = ['proto', 'gen', 'schemas', 'docs', 'deploy', 'examples', 'bench'];
    expect(wanted.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
  });
});
