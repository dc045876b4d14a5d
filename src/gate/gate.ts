import type { Config, ListenAddress, WriteKey } from '../config/config.ts';
import type { WebhookSource } from '../config/webhook-source.ts';
import { errorTable, ServiceError } from '../errors.ts';
import type { IncomingEvent } from '../event/incoming-event.ts';
import type { Signals } from '../observability/signals.ts';
import { tracePublishing } from '../tracing/publish-spans.ts';
import { traceRequests } from '../tracing/request-spans.ts';
import { createAcceptEvents, type AcceptOptions } from './accept/accept-events.ts';
import { createAdmission } from './intake/admission.ts';
import { createCallers, type Callers } from './intake/callers.ts';
import { createAuthenticate } from './intake/authenticate.ts';
import { createKeyRing, type RunTimeKey, type RunTimeKeyChange } from './intake/keys/key-ring.ts';
import type { SourceLimiter } from './limits/source-limiter.ts';
import { createConnectEndpoints } from './rpc/connect-router.ts';
import type { GateContext } from './gate-context.ts';
import { createRequestHandler, routeOf, isFastPath } from './route-request.ts';
import type { HttpCall, RequestHandler } from '../http/http-call.ts';
import { listen } from '../http/listen.ts';
import type { TlsFiles } from '../http/tls-files.ts';
import { createOpenApi } from './openapi/openapi.ts';
import { createBodyReader } from './intake/read-body.ts';
import { createTurnBudget, type TurnBudget } from './intake/turn-budget.ts';
import {
  createStreamEndpoint,
  type StreamEndpoint,
  type StreamToOpen,
} from './nats/stream-endpoint.ts';
import { createWebhookEntries } from './webhooks/webhook-endpoint.ts';

/** The memory that uploads may hold at once: thirty-two of the largest. */
const bufferedRequests = 32;

/** How much of large requests one turn of the event loop decodes: about 300 events of a batch. */
const turnBytes = 128 * 1024;

/** How long a request waits for room among those in flight. */
const admissionWaitMs = 1000;

/** What a gate follows while it runs. */
export interface GateCredentials {
  readonly keys: readonly WriteKey[];
  readonly webhooks: readonly WebhookSource[];
  /** Undefined: no TLS. */
  readonly tlsFiles: TlsFiles | undefined;
}

export interface Gate {
  /** Applies to new requests and new handshakes, also on open connections. */
  useCredentials(credentials: GateCredentials): void;
  /** Applies changes of the write keys of the log from the next request on. */
  followKeys(changes: readonly RunTimeKeyChange[]): void;
  /** The ids of the write keys that were used since the last call. */
  takeUsedKeys(): readonly string[];
  readonly address: ListenAddress;
  /** The endpoint for the messages of a stream: the path behind every endpoint. */
  openStream(options: StreamToOpen): StreamEndpoint;
  /** Answers health checks with NOT_SERVING, then drains. */
  close(): Promise<void>;
}

/** What the other stages do for the gate: validate events, and store and read them. */
export interface GateOptions extends Pick<
  AcceptOptions,
  'validate' | 'nameSent' | 'redactRejected' | 'arrivalHeaders' | 'store' | 'reject' | 'readStored'
> {
  readonly tlsFiles?: TlsFiles | undefined;
  /** The write keys of the log, beside those of the configuration. */
  readonly runTimeKeys?: readonly RunTimeKey[];
  /** The limits of sources: of this process, or leased from the first one. */
  readonly limiter: SourceLimiter;
  /** The contracts in force, for relays. */
  readonly contracts: GateContext['contracts'];
  /** Undefined: no heartbeat is sent. */
  readonly canaryKey?: string | undefined;
  /** Sees each call before the endpoints do. Returns true if it answers the call. For the mock. */
  readonly before?: (call: HttpCall) => boolean;
}

function callersOf({ auth, trustedProxies, limits }: Config, signals: Signals): Callers {
  const { requestBytesMax } = limits;
  return createCallers({ auth, trustedProxies, requestBytesMax, limited: signals.callerLimited });
}

function turnsOf({ requestBytesMax }: Config['limits']): TurnBudget {
  return createTurnBudget({ turnBytes, waitingBytesMax: requestBytesMax * bufferedRequests });
}

/** Opens every endpoint. Throws a StartError when the address cannot be bound. */
export async function openGate(
  config: Config,
  signals: Signals,
  options: GateOptions,
): Promise<Gate> {
  const { limits, auth } = config;
  const { inFlightEventsMax } = limits;
  const admission = createAdmission({ inFlightEventsMax, waitMs: admissionWaitMs });
  const bodies = createBodyReader(limits);
  const callers = callersOf(config, signals);
  const limited = [...config.webhooks, ...config.intake.nats];
  const keys = createKeyRing(config.keys, options.runTimeKeys, limited);
  const authenticate = createAuthenticate(auth, keys, options.canaryKey, config.source);
  let closing = false;
  const checkOpen = (): void => {
    if (closing) throw new ServiceError('shutting_down', errorTable.shutting_down.text);
  };
  const context: GateContext = {
    // Every endpoint begins with this. Requests that came before the gate closes are served to their end.
    authenticate: (headers) => {
      checkOpen();
      return authenticate(headers);
    },
    accept: tracePublishing(createAcceptEvents({ ...options, ...limits, admission, signals })),
    bodies,
    callers,
    limiter: options.limiter,
    turns: turnsOf(limits),
    limits,
    signals,
    contracts: options.contracts,
    limitsOf: keys.limitsOf,
  };
  const connect = createConnectEndpoints(context);
  const nameOf = (event: IncomingEvent): string => options.nameSent(event).eventName;
  const ofGate = { checkOpen, limitsOf: keys.limitsOf };
  const webhooks = new Map(createWebhookEntries(config.webhooks, context, ofGate));
  const serve = createRequestHandler(context, connect, webhooks, createOpenApi(limits, auth));
  const listener = await listen({
    ...listenSettings(config),
    limited: signals.callerLimited,
    tlsFiles: options.tlsFiles,
    handle: traceRequests(servedAfter(options.before, serve), routeOf),
    isFastPath,
  });
  return {
    address: listener.address,
    useCredentials: (credentials) => {
      keys.useFileKeys(credentials.keys, [...credentials.webhooks, ...config.intake.nats]);
      const entries = createWebhookEntries(credentials.webhooks, context, ofGate);
      webhooks.clear();
      for (const [source, entry] of entries) webhooks.set(source, entry);
      if (credentials.tlsFiles !== undefined) listener.useTlsFiles(credentials.tlsFiles);
    },
    openStream: (stream) =>
      createStreamEndpoint(context, { ...stream, limitsOf: keys.limitsOf, nameOf }),
    followKeys: keys.follow,
    takeUsedKeys: keys.takeUsed,
    close: async () => {
      closing = true;
      connect.health.stopServing();
      await listener.close(config.shutdownGraceMs);
      admission.close();
      bodies.close();
      callers.close();
    },
  };
}

function servedAfter(before: GateOptions['before'], serve: RequestHandler): RequestHandler {
  if (before === undefined) return serve;
  return (call) => {
    if (!before(call)) serve(call);
  };
}

function listenSettings({ listen: address, tls, http, limits, trustedProxies, relay }: Config) {
  return {
    address,
    tls,
    engine: http.engine,
    setting: relay?.listenOption ?? 'HEADGATE_LISTEN',
    idleTimeoutMs: limits.idleTimeoutMs,
    requestTimeoutMs: limits.requestTimeoutMs,
    connectionsMax: limits.connectionsMax,
    trustedProxies,
  };
}
