import type { NatsIntake } from './intake/nats-intake.ts';
import type { OperatorEntry } from './operators/operator-entry.ts';
import type { Secret } from './secret.ts';
import type { WebhookSource } from './webhook-source.ts';
import type { SourceLimits } from './write-key.ts';

/** The whole configuration, read once at the start, frozen. Durations in ms, sizes in bytes. */
export interface Config {
  readonly listen: ListenAddress;
  readonly admin: {
    readonly listen: Address;
    readonly token: Secret | undefined;
    readonly metricsToken: Secret | undefined;
    readonly tls: TlsConfig | undefined;
    readonly client: AdminClientConfig;
  };
  /** The named operators of the admin port; the tokens of `admin` come in addition. */
  readonly operators: readonly OperatorEntry[];
  readonly tls: TlsConfig | undefined;
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** Which servers read requests on both ports: our own, or Node's `http` and `http2`. */
  readonly http: { readonly engine: 'own' | 'node' };
  readonly dataDir: string;
  readonly schemasDir: string;
  /** Whether a setting names it: one that is named must exist. */
  readonly schemasDirNamed: boolean;
  /** `warn`: the taxonomy and its schemas never cause a rejection. */
  readonly enforcement: 'on' | 'warn';
  readonly pii: { readonly hashKey: Secret | undefined };
  /** Where the contracts of the gate come from. */
  readonly schemasSource: 'files' | 'registry';
  readonly nats: {
    /** One URL, or several separated by commas. If undefined, the server is embedded. */
    readonly url: string | undefined;
    readonly serverBin: string | undefined;
    /** Base URLs of monitoring ports; if undefined, port 8222 of every server is asked. */
    readonly monitorUrls: readonly string[] | undefined;
    readonly publishTimeoutMs: number;
  };
  readonly roles: ReadonlySet<Role>;
  readonly processes: number;
  readonly durability: Durability;
  readonly auth: 'off' | 'keys';
  /** The source of every event while `auth` is off. */
  readonly source: string;
  readonly keys: readonly WriteKey[];
  readonly limits: Limits;
  readonly log: LogRetention;
  readonly rejected: RejectedRetention;
  /** How long the audit log keeps its entries. */
  readonly audit: { readonly retentionMs: number };
  /** If undefined, heartbeats are neither sent nor accepted. */
  readonly canary: { readonly intervalMs: number | undefined };
  /** Undefined: it is no relay, and has contracts of its own. */
  readonly relay?: RelayConfig;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly shutdownGraceMs: number;
  readonly destinations: readonly DestinationConfig[];
  /** The sources of `POST /v1/webhooks/<source>`. */
  readonly webhooks: readonly WebhookSource[];
  /** The sources whose events are taken from streams of NATS. */
  readonly intake: { readonly nats: readonly NatsIntake[] };
}

/** What makes a gate a relay: `headgate relay`. */
export interface RelayConfig {
  /** The destination of type `headgate`, whose gate also has the contracts. */
  readonly destination: string;
  /** How often it asks for the contracts. */
  readonly contractsIntervalMs: number;
  /** The option of the command line that set `listen`. Undefined: none did. */
  readonly listenOption?: string | undefined;
}

/** Paths of PEM files with which commands connect to the admin port. */
export interface AdminClientConfig {
  /** The CAs that they trust; if undefined, those of the system. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Paths of PEM files, and what the handshake requires. */
export interface TlsConfig {
  readonly cert: string;
  readonly key: string;
  /** 1.2 if absent. */
  readonly minVersion?: '1.2' | '1.3';
  /** The CAs of client certificates. Set unless `clientAuth` is off. */
  readonly clientCa?: string | undefined;
  /** `optional`: a caller may come without a certificate, but not with a bad one. */
  readonly clientAuth?: 'off' | 'optional' | 'required';
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A Unix socket: a file, to which only programs of this machine connect. */
export interface SocketAddress {
  /** Absolute, or relative to the working directory. */
  readonly socketPath: string;
  /** Where several processes bind it together, before the file moves to `socketPath`. */
  readonly boundPath?: string;
}

/** Where a server listens. */
export type ListenAddress = Address | SocketAddress;

export type Role = 'gate' | 'deliver';

/** What an acknowledgement means: docs/adr/0002-what-an-acknowledgement-means.md. */
export type Durability = 'fsync' | 'replicated' | 'async';

export interface WriteKey {
  readonly source: string;
  /** `sha256:` and the hex digest of the key. */
  readonly hash: string;
  /** Globs on the event name; empty: every event. */
  readonly events: readonly string[];
  /** Globs on the sources whose events it may forward from another gate. Empty or absent: none. */
  readonly relaySources?: readonly string[] | undefined;
  /** When the key ends, as a Unix time in ms. Undefined: it does not expire. */
  readonly expiresAtMs?: number | undefined;
  /** Of its source, whichever of its keys states them. */
  readonly limits?: SourceLimits | undefined;
}

/** Every input has a limit. A request beyond it gets an error that names the limit. */
export interface Limits {
  /** A request body, after decompression. */
  readonly requestBytesMax: number;
  readonly batchEventsMax: number;
  /** One event, as stored. */
  readonly eventBytesMax: number;
  /** Events between publish and acknowledgement, over all requests. */
  readonly inFlightEventsMax: number;
  /** From the first byte of a request to the last of its body. */
  readonly requestTimeoutMs: number;
  /** An idle connection. */
  readonly idleTimeoutMs: number;
  readonly connectionsMax: number;
}

/** How long and how much the log keeps. */
export interface LogRetention {
  /** Settled events are kept at most this long. */
  readonly retentionMs: number;
  /** All events are kept at least this long, however full the log is. At most `retentionMs`. */
  readonly retentionMinMs: number;
  readonly dedupWindowMs: number;
  /** Of a new log. */
  readonly partitions: number;
  /** All streams together. Always kept below the free disk space. */
  readonly storageBytesMax: number;
  /** If undefined, a part of the room for events. */
  readonly asideBytesMax: number | undefined;
}

/** How long and how much is kept of rejected events. */
export interface RejectedRetention {
  readonly retentionMs: number;
  /** If undefined, a part of `LogRetention.storageBytesMax`. */
  readonly storageBytesMax: number | undefined;
}

export type WhenFull = 'aside' | 'hold';

export interface DestinationConfig {
  readonly name: string;
  readonly type: string;
  /** Globs on the event name; empty: every event. */
  readonly events: readonly string[];
  /** Globs on the source; empty: every source. */
  readonly sources: readonly string[];
  /** Where it starts if it is new. If undefined, at the first event of the log. */
  readonly start?: DestinationStart | undefined;
  /** Which fields of an event leave. If undefined, all fields leave unchanged. */
  readonly fields?: FieldRules | undefined;
  /** Changes or filters events after `fields`. */
  readonly transform?: TransformConfig | undefined;
  readonly retry: RetryPolicy;
  /** How long a worker may hold an event before the log delivers it to another. */
  readonly ackWaitMs: number;
  /**
   * When the log runs short of room while the destination is away: its oldest events move to a
   * stream of their own (`aside`), or stay and hold intake (`hold`).
   */
  readonly whenFull: WhenFull;
  /** The type's own settings, read by the type's own table. Null if a setting is absent. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
}

/** A JSONata expression, or the path of a script. */
export type TransformConfig =
  | { readonly kind: 'jsonata'; readonly text: string }
  | { readonly kind: 'script'; readonly file: string };

/** Where a destination starts that has no position in the log yet. */
export type DestinationStart =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'now' }
  /** So long before now: ms. */
  | { readonly kind: 'age'; readonly ms: number }
  /** A Unix time in ms. */
  | { readonly kind: 'time'; readonly ms: number };

/** `/properties/items/*` as `['properties', 'items', '*']`: `*` stands for any member. */
export type FieldPath = readonly string[];

/** In the order in which they apply. */
export interface FieldRules {
  /** If defined, only these fields leave, of those that a path can name. */
  readonly allow: readonly FieldPath[] | undefined;
  readonly drop: readonly FieldPath[];
  readonly hash: readonly FieldPath[];
  /** The HMAC key; set if `hash` is not empty. */
  readonly hashKey: Secret | undefined;
}

export interface RetryPolicy {
  /** The total number of attempts before an event becomes a dead letter. */
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** How long after its first failure an event is still tried. If undefined, no limit. */
  readonly maxAgeMs?: number | undefined;
}
