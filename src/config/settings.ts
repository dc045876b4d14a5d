import type { Setting, ValuesOf } from './setting.ts';

/** All that `headgate.yaml` holds besides `keys` and `destinations`, by its path there. */
export const settings = {
  listen: {
    kind: 'address',
    default: '127.0.0.1:8080',
    text: 'The public port: gRPC (h2c), Connect, gRPC-Web and JSON, all on it. On anything but loopback it asks for `auth: keys`, since anyone who reaches it could write. Port 0 takes a free one.',
  },
  'admin.listen': {
    kind: 'address',
    default: '127.0.0.1:8081',
    text: 'Metrics, health, dead letters and the schema registry. Another port than `listen`, so that it can be kept inside. On anything but loopback it asks for `admin.token`.',
  },
  'admin.token': {
    kind: 'secret',
    default: null,
    text: 'What callers of the admin port show as a bearer token (health aside).',
  },
  'tls.cert': {
    kind: 'path',
    default: null,
    text: 'The certificate chain of the public port, in PEM. Needs `tls.key`.',
  },
  'tls.key': {
    kind: 'path',
    default: null,
    text: 'The private key of the certificate, in PEM. Needs `tls.cert`.',
  },
  'http.engine': {
    kind: 'enum',
    default: 'own',
    options: ['own', 'node'],
    text: 'Who reads requests on both ports. `own`: our own readers of HTTP. `node`: Node’s `http` and `http2`, slower, for the time in which an advisory against our readers has no fixed release: [HTTP engines](../../operate/http-engines.md).',
  },
  data_dir: {
    kind: 'path',
    default: './data',
    text: 'The store of the embedded NATS, and the SQLite warehouse.',
  },
  schemas_dir: { kind: 'path', default: './schemas', text: 'The taxonomy and the schemas.' },
  enforcement: {
    kind: 'enum',
    default: 'on',
    options: ['on', 'warn'],
    text: 'The emergency switch of all contracts. `warn`: no event is refused, quarantined or stripped for what the taxonomy and its schemas say; it is stored as sent, with its violations as warnings. The log, `headgate_enforcement_suspended` and `/readyz` tell as long as it lasts. What an event needs to be stored at all (name, identity, key, a known version) is asked for all the same, and `x-pii` is honoured.',
  },
  'pii.hash_key': {
    kind: 'secret',
    default: null,
    text: 'The key with which properties marked `"x-pii": "hash"` are hashed (HMAC-SHA-256), 32 characters or more. Needed where a schema marks one. The same for every gate, and kept: with another key the same person has another hash.',
  },
  'schemas.source': {
    kind: 'enum',
    default: 'files',
    options: ['files', 'registry'],
    text: '`files`: the gate validates by `schemas_dir`, read once at the start. `registry`: by the bucket `headgate_schemas` of NATS, whose changes every gate follows; `schemas_dir` is read only where the bucket is empty, and then put into it.',
  },
  'nats.url': {
    kind: 'url',
    default: null,
    schemes: ['nats', 'tls'],
    several: true,
    defaultText: 'unset: embedded',
    text: 'An external server or cluster: `nats://host:4222`, several with commas between. Unset: nats-server is started as a child.',
  },
  'nats.server_bin': {
    kind: 'path',
    default: null,
    text: 'The nats-server to start when `nats.url` is unset. Unset: the one that npm installed, else the one on the PATH.',
  },
  'nats.publish_timeout': {
    kind: 'duration',
    default: '5s',
    min: '100ms',
    max: '1m',
    text: 'How long an event may wait for its acknowledgement before its verdict is `retry`. Outlasts the election of a new stream leader (a few seconds); at most a minute, because a caller waits meanwhile.',
  },
  roles: {
    kind: 'list',
    default: 'gate,deliver',
    options: ['gate', 'deliver'],
    text: 'Which stages this process runs.',
  },
  processes: {
    kind: 'integer',
    default: 1,
    min: 1,
    max: 256,
    auto: true,
    text: 'How many processes share the public port; `auto` is one per processor. Beyond the number of processors more gain nothing, hence the limit.',
  },
  durability: {
    kind: 'enum',
    default: null,
    options: ['fsync', 'replicated', 'async'],
    defaultText: '`fsync` (embedded), `replicated` (external)',
    text: 'What an acknowledgement means. `fsync`: on disk, synced (embedded alone). `replicated`: held by the quorum of an external cluster. `async`: may lose the last seconds in a power cut.',
  },
  auth: {
    kind: 'enum',
    default: 'off',
    options: ['off', 'keys'],
    text: '`keys`: each request shows one of the write keys under `keys`. `off` is for loopback alone.',
  },
  'limits.request_bytes_max': {
    kind: 'bytes',
    default: '4MiB',
    min: '1KiB',
    max: '64MiB',
    text: 'A request body, after decompression. A body is held whole in memory while its events are validated, so this times the requests under way is what they can take.',
  },
  'limits.batch_events_max': {
    kind: 'integer',
    default: 1_000,
    min: 1,
    max: 10_000,
    text: 'Events in one request. A batch is validated in one go, so a larger one makes every other request wait longer. At most `limits.in_flight_events_max`, else a full batch could never be taken.',
  },
  'limits.event_bytes_max': {
    kind: 'bytes',
    default: '256KiB',
    min: '1KiB',
    max: '8MiB',
    text: 'One event, as stored. A server accepts messages of 1 MiB unless configured otherwise, and NATS advises against more than 8 MiB.',
  },
  'limits.in_flight_events_max': {
    kind: 'integer',
    default: 20_000,
    min: 1,
    max: 1_000_000,
    text: 'Events between publish and acknowledgement, over all requests. Requests beyond it are answered with 503 and retry later, so that a slow log does not fill the memory.',
  },
  'limits.request_timeout': {
    kind: 'duration',
    default: '30s',
    min: '100ms',
    max: '10m',
    text: 'From the first byte of a request to the last of its body, so that a slow sender does not hold a connection for ever.',
  },
  'limits.idle_timeout': {
    kind: 'duration',
    default: '75s',
    min: '1s',
    max: '1h',
    text: 'A connection that says nothing is closed after this. Longer than the 60 s of most load balancers, so that they close first and never send a request into a connection that is just being closed.',
  },
  'limits.connections_max': {
    kind: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    text: 'Open connections of one process. Each takes a file descriptor and some tens of KiB; keep it below `ulimit -n`.',
  },
  'log.retention': {
    kind: 'duration',
    default: '7d',
    min: '1s',
    max: '3650d',
    text: 'Events older than this are deleted, once every destination is done with them; never sooner.',
  },
  'log.dedup_window': {
    kind: 'duration',
    default: '10m',
    min: '100ms',
    max: '1d',
    text: 'How long a retry is known as one. Each id takes about 230 bytes of memory of the server for so long: 1,000 events/s over 10 minutes are 138 MB.',
  },
  'log.storage_bytes_max': {
    kind: 'bytes',
    default: '20GiB',
    min: '1MiB',
    max: '1024TiB',
    text: 'All streams together; kept below the free disk whatever it says. A stream that meets its limit answers cleanly, one that meets a full disk does not.',
  },
  'canary.interval': {
    kind: 'duration',
    default: null,
    min: '1s',
    max: '1h',
    defaultText: 'unset: none is sent',
    text: 'How often each gate sends a heartbeat through its own public port. It goes to no destination and is in no count. Set it for the gates and for the workers: a worker takes heartbeats if it is set. Below a second it would be load, above an hour it reports too late.',
  },
  log_level: {
    kind: 'enum',
    default: 'info',
    options: ['debug', 'info', 'warn', 'error', 'silent'],
    text: 'The least severe lines of the log that are written.',
  },
  shutdown_grace: {
    kind: 'duration',
    default: '10s',
    min: '0ms',
    max: '10m',
    text: 'How long requests and deliveries under way may take to end after a stop signal. Keep it below the 30 s after which Kubernetes kills.',
  },
} as const satisfies Record<string, Setting>;

/** The values of `settings`. */
export type SettingValues = ValuesOf<typeof settings>;

/** `limits.batch_events_max` is `HEADGATE_LIMITS_BATCH_EVENTS_MAX`. */
export function environmentName(path: string): string {
  return `HEADGATE_${path.toUpperCase().replaceAll(/[.-]/g, '_')}`;
}
