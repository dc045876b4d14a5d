import type { Setting, ValuesOf } from './setting.ts';

/** The settings of `headgate.yaml` except `keys`, `destinations` and `webhooks`, by path. */
export const settings = {
  listen: {
    kind: 'listen',
    default: '127.0.0.1:8080',
    text: 'The public port, for gRPC (h2c), Connect, gRPC-Web and JSON. An address other than loopback requires `auth: keys`, because anyone who reaches it could write. Port 0 takes a free port. `unix:PATH` is a Unix socket, for the same protocols in the clear: only its user and group may connect (mode 0660), and limits by address count its callers as one, 127.0.0.1.',
  },
  'admin.listen': {
    kind: 'address',
    default: '127.0.0.1:8081',
    text: 'The admin port: metrics, health and the operators’ RPCs. It is separate from `listen`, so that it can stay internal. An address other than loopback requires `admin.token` or `operators`.',
  },
  'admin.token': {
    kind: 'secret',
    default: null,
    defaultText: 'made at the first start',
    text: 'The bearer token that operators send to the admin port: at least 16 characters, for example from `openssl rand -hex 24`. If unset, the first start makes one, and keeps it in the file `admin-token` of `data_dir`, where commands on this machine find it. Health needs no token.',
  },
  'admin.metrics_token': {
    kind: 'secret',
    default: null,
    defaultText: 'made at the first start',
    text: 'The bearer token with which a scraper reads `/metrics`, and nothing else: at least 16 characters, and not `admin.token`. If unset, the first start makes one, and keeps it in the file `metrics-token` of `data_dir`.',
  },
  'admin.tls.cert': {
    kind: 'path',
    default: null,
    text: 'The certificate chain of the admin port, in PEM. Needs `admin.tls.key`. Commands on this machine trust it; others need `admin.client.ca` if no public CA signed it.',
  },
  'admin.tls.key': {
    kind: 'path',
    default: null,
    text: 'The private key of that certificate, in PEM. Needs `admin.tls.cert`.',
  },
  'admin.tls.min_version': {
    kind: 'enum',
    default: '1.2',
    options: ['1.2', '1.3'],
    text: 'As `tls.min_version`, for the admin port.',
  },
  'admin.tls.client_ca': {
    kind: 'path',
    default: null,
    text: 'The CAs that sign client certificates for the admin port, in PEM. Needs `admin.tls.client_auth`.',
  },
  'admin.tls.client_auth': {
    kind: 'enum',
    default: 'off',
    options: ['off', 'optional', 'required'],
    text: '`required`: a connection to the admin port needs a certificate that `admin.tls.client_ca` signed, also for health and metrics. `optional`: it may have none, but no other one. Tokens are required as before.',
  },
  'admin.client.ca': {
    kind: 'path',
    default: null,
    text: 'For commands: the CAs that they trust to sign the certificate of the admin port, in PEM. If unset, those of the system, and `admin.tls.cert` for a port on this machine.',
  },
  'admin.client.cert': {
    kind: 'path',
    default: null,
    text: 'For commands: the client certificate that they show to the admin port, in PEM. Needs `admin.client.key`.',
  },
  'admin.client.key': {
    kind: 'path',
    default: null,
    text: 'For commands: the private key of that certificate, in PEM. Needs `admin.client.cert`.',
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
  trusted_proxies: {
    kind: 'list',
    default: null,
    defaultText: 'unset: none',
    text: 'Addresses or networks (`10.0.0.0/8`, `fd00::/8`) of the proxies before the public port. Their `X-Forwarded-For` is believed, so that the limits by address see the callers and not the proxy, and no limit by address applies to their connections. Do not name networks from which callers come: they could write any address.',
  },
  'tls.min_version': {
    kind: 'enum',
    default: '1.2',
    options: ['1.2', '1.3'],
    text: 'The lowest TLS version that a handshake may agree on. Quote it: `"1.3"`.',
  },
  'tls.client_ca': {
    kind: 'path',
    default: null,
    text: 'The CAs that sign client certificates, in PEM. Needs `tls.client_auth`.',
  },
  'tls.client_auth': {
    kind: 'enum',
    default: 'off',
    options: ['off', 'optional', 'required'],
    text: '`required`: a connection needs a certificate that `tls.client_ca` signed. `optional`: it may have none, but no other one. Write keys are required as before.',
  },
  'http.engine': {
    kind: 'enum',
    default: 'own',
    options: ['own', 'node'],
    text: 'Which HTTP servers both ports use. `own`: ours. `node`: Node’s `http` and `http2`, which are slower; use it while an advisory against our servers has no fixed release ([HTTP engines](../../operate/http-engines.md)).',
  },
  data_dir: {
    kind: 'path',
    default: './data',
    text: 'The store of the embedded NATS, and the SQLite warehouse.',
  },
  schemas_dir: {
    kind: 'path',
    default: './schemas',
    text: 'The folder of the taxonomy and the schemas. One that is set must exist; if it is not set and there is no `./schemas`, the gate [observes](../../contracts/observe.md).',
  },
  enforcement: {
    kind: 'enum',
    default: 'on',
    options: ['on', 'warn'],
    text: 'The emergency switch of all contracts. `warn`: no event is refused, quarantined or stripped for what the taxonomy and its schemas say; it is stored as sent, with its violations as warnings. The log, `headgate_enforcement_suspended` and `/readyz` report it while it lasts. Events still need a name, an identity, an idempotency key and a known version, and `x-pii` still applies.',
  },
  'pii.hash_key': {
    kind: 'secret',
    default: null,
    text: 'The key for hashing properties marked `"x-pii": "hash"` (HMAC-SHA-256), 32 characters or more. Required if a schema marks one. Use the same key for every gate and keep it: with another key, the same person gets another hash.',
  },
  'schemas.source': {
    kind: 'enum',
    default: 'files',
    options: ['files', 'registry'],
    text: '`files`: the gate validates with `schemas_dir`, read once at the start. `registry`: with the bucket `headgate_schemas` of NATS, whose changes every gate follows; `schemas_dir` is read only if the bucket is empty, and then copied into it.',
  },
  'nats.url': {
    kind: 'url',
    default: null,
    schemes: ['nats', 'tls'],
    several: true,
    defaultText: 'unset: embedded',
    text: 'An external server or cluster: `nats://host:4222`, several separated by commas. With `tls://`, a server without TLS is refused, and its certificate must be for the host or address. If unset, Headgate starts nats-server as a child process.',
  },
  'nats.server_bin': {
    kind: 'path',
    default: null,
    text: 'The nats-server to start if `nats.url` is unset. By default the newer one of what npm installed and the first one on the PATH. An older server may not read the store of a newer one.',
  },
  'nats.monitor_url': {
    kind: 'url',
    default: null,
    schemes: ['http', 'https'],
    several: true,
    defaultText: 'unset: port 8222 of every server',
    text: 'The monitoring ports of an external server or cluster, such as `http://host:8222`, several separated by commas. Headgate reads there, and only with `durability: replicated`, whether each server syncs before it acknowledges ([what survives](../../understand/what-survives.md#sync-in-a-cluster)).',
  },
  'nats.publish_timeout': {
    kind: 'duration',
    default: '5s',
    min: '100ms',
    max: '1m',
    text: 'How long an event may wait for its acknowledgement before its verdict is `retry`. It should be longer than the election of a new stream leader (a few seconds). At most a minute, because a caller waits meanwhile.',
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
    text: 'How many processes share the public port; `auto` is one per processor. More than the number of processors gain nothing, hence the limit.',
  },
  durability: {
    kind: 'enum',
    default: null,
    options: ['fsync', 'replicated', 'async'],
    defaultText: '`fsync` (embedded), `replicated` (external)',
    text: 'What an acknowledgement means. `fsync`: synced to disk (embedded NATS only). `replicated`: stored by a quorum of an external cluster. `async`: may lose the last two minutes in a power cut, because nats-server syncs no more often by default.',
  },
  auth: {
    kind: 'enum',
    default: 'off',
    options: ['off', 'keys'],
    text: '`keys`: each request must have a write key, one of those under `keys` or of those that `headgate keys create` makes. `off` is allowed on loopback only.',
  },
  source: {
    kind: 'string',
    default: 'default',
    text: 'The source of every event while `auth` is `off`: a letter or digit, then at most 63 of `a-z`, `0-9`, `_` and `-`.',
  },
  'limits.request_bytes_max': {
    kind: 'bytes',
    default: '4MiB',
    min: '1KiB',
    max: '64MiB',
    text: 'A request body, after decompression; for gRPC, the message without the five bytes before it. A body is in memory as a whole while its events are validated, so requests in progress can use this much each.',
  },
  'limits.batch_events_max': {
    kind: 'integer',
    default: 1_000,
    min: 1,
    max: 10_000,
    text: 'Events in one request. A batch is validated in one turn of the event loop, so larger batches make other requests wait longer. At most `limits.in_flight_events_max`, or a full batch could never be accepted.',
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
    text: 'The time from the first byte of a request to the last byte of its body. It ends connections of slow senders.',
  },
  'limits.idle_timeout': {
    kind: 'duration',
    default: '75s',
    min: '1s',
    max: '1h',
    text: 'An idle connection is closed after this time. It is longer than the 60 s of most load balancers, so that they close first and never send a request into a closing connection.',
  },
  'limits.connections_max': {
    kind: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    text: 'Open connections of one process. Each needs a file descriptor and some tens of KiB. Keep it below `ulimit -n`. When they are used up, a connection without requests makes room for a new one. One address may have three quarters of them, unless it is one of `trusted_proxies`.',
  },
  'log.retention': {
    kind: 'duration',
    default: '7d',
    min: '1s',
    max: '3650d',
    text: 'Events older than this are deleted once every destination has settled them. When the log runs short of room, the oldest settled events go earlier, down to `log.retention_min`.',
  },
  'log.retention_min': {
    kind: 'duration',
    default: null,
    min: '100ms',
    max: '3650d',
    defaultText: '1h, or `log.dedup_window` if that is longer; at most `log.retention`',
    text: 'Events younger than this are never deleted, also when the log runs short of room. At least `log.dedup_window`, so that a retry is recognized. What arrives within this time must fit into the log, or it refuses events.',
  },
  'log.dedup_window': {
    kind: 'duration',
    default: '10m',
    min: '100ms',
    max: '1d',
    text: 'How long a retry is recognized as a duplicate. Each id needs about 280 bytes of nats-server’s [memory](../../operate/memory.md) for this time: 1,000 events/s over 10 minutes are 168 MB.',
  },
  'log.partitions': {
    kind: 'integer',
    default: 1,
    min: 1,
    max: 32,
    text: 'Into how many [partitions](../../operate/partitions.md) a new log is split. Of a log that exists `headgate partitions set` changes the number. Each partition is a stream of NATS with its own leader and an equal share of the room for events.',
  },
  'log.storage_bytes_max': {
    kind: 'bytes',
    default: '20GiB',
    min: '1MiB',
    max: '1024TiB',
    text: 'The size of all streams together. Headgate lowers it below the free disk space. A stream at its limit refuses cleanly; on a full disk it does not.',
  },
  'log.aside_bytes_max': {
    kind: 'bytes',
    default: null,
    min: '1MiB',
    max: '1024TiB',
    defaultText: 'unset: an eighth of the room for events',
    text: 'The room for events of destinations that are away, which leave the log when it runs short of room ([`when_full`](destinations.md)). Within `log.storage_bytes_max` and at most three quarters of the room for events, of which it is a part.',
  },
  'rejected.retention': {
    kind: 'duration',
    default: '7d',
    min: '1s',
    max: '3650d',
    text: 'How long rejected events are kept whose sender got an error, and how long others are kept after a replay or a discard has settled them. A quarantined event that nobody has settled is never deleted ([quarantine](../../operate/quarantine.md)).',
  },
  'rejected.storage_bytes_max': {
    kind: 'bytes',
    default: null,
    min: '1MiB',
    max: '1024TiB',
    defaultText: 'unset: 8% of `log.storage_bytes_max`, at most 1 GiB',
    text: 'The room for rejected events, within `log.storage_bytes_max` and at most half of it. A source may fill half of what the other sources leave; beyond that its events are answered with `retry`.',
  },
  'audit.retention': {
    kind: 'duration',
    default: '400d',
    min: '1h',
    max: '3650d',
    text: 'How long the [audit log](../../operate/audit.md) keeps what operators did and which events they read. Older entries are deleted; nothing else deletes one. A longer time needs more room: when the audit log is full, operators can neither act nor read events.',
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
    text: 'The lowest severity of log lines that are written.',
  },
  shutdown_grace: {
    kind: 'duration',
    default: '10s',
    min: '0ms',
    max: '10m',
    text: 'How long requests and deliveries in progress may take to finish after a stop signal. Keep it below the 30 s after which Kubernetes kills the process.',
  },
} as const satisfies Record<string, Setting>;

/** The values of `settings`. */
export type SettingValues = ValuesOf<typeof settings>;

/** `limits.batch_events_max` is `HEADGATE_LIMITS_BATCH_EVENTS_MAX`. */
export function environmentName(path: string): string {
  return `HEADGATE_${path.toUpperCase().replaceAll(/[.-]/g, '_')}`;
}

/** `data_dir` of `headgate relay`, where a command looks too that finds no gate's. */
export const relayDataDir = './relay-data';
