import { setMaxListeners } from 'node:events';

import type { ConnectRouter, Interceptor } from '@connectrpc/connect';

import type { Config } from '../config/config.ts';
import type { OperatorEntry } from '../config/operators/operator-entry.ts';
import { createCallerIp } from '../gate/intake/caller-address.ts';
import { listen, type Listener } from '../http/listen.ts';
import { readTlsFiles } from '../http/tls-files.ts';
import { createUniversalEndpoint } from '../http/universal.ts';
import type { Signals } from '../observability/signals.ts';
import { createAdminRequests } from './admin-requests.ts';
import { answerErrors } from './answer-errors.ts';
import { answerWhenClosing } from './answer-when-closing.ts';
import type { PortAccess } from './access/port-access.ts';
import { createAuthorize } from './access/authorize.ts';
import { checkRoles } from './access/check-roles.ts';
import { createStrangers } from './access/strangers.ts';
import type { RecordSession } from './audit/session-acts.ts';
import { createConsole } from './console/console.ts';
import { sessionPath } from './console/session-endpoint.ts';
import type { MetricsPage } from './metrics-page.ts';
import type { OperatorTokens } from './token-files.ts';

export interface AdminPortOptions {
  readonly config: Pick<Config, 'admin' | 'operators' | 'http' | 'limits' | 'trustedProxies'>;
  readonly tokens: OperatorTokens;
  readonly signals: Pick<
    Signals,
    'operatorRequestFailed' | 'operatorRefused' | 'callerLimited' | 'trouble' | 'note'
  >;
  readonly metricsPage: MetricsPage;
  /** Resolves if the log accepts messages; otherwise rejects with the reason. */
  readonly probe: () => Promise<void>;
  /** The lines of `/healthz` and `/readyz` below their first, each with its line end. */
  readonly notice: () => string;
  /** Records what operators do (audit/audit-calls.ts): not what their role refuses them. */
  readonly audit: Interceptor;
  /** Records who signs in to the console, and out. */
  readonly recordSession: RecordSession;
  /** The operators' RPCs: routes.ts. */
  readonly routes: (router: ConnectRouter, access: PortAccess) => void;
  /** Where the built console is. Undefined: in dist/. */
  readonly consoleFolder?: string | undefined;
}

export interface AdminListener extends Listener {
  /** Replaces the named operators, also for streams that are open. */
  useOperators(operators: readonly OperatorEntry[]): void;
  /** Makes a code by which one person signs in to the console as `admin`, once. */
  makeSignInCode(): string;
}

/** The limit in addition to the event of a fix, whose size JSON escapes can double. */
const requestBytesMax = 1024 * 1024;
const requestTimeoutMs = 30_000;
const connectionsMax = 200;
/** To write the answers of the RPCs that a closing port has not waited for. */
const lastAnswersMs = 500;

/**
 * Opens the operators' port: health, metrics, and the operators' RPCs. Throws a StartError if the
 * address is in use.
 */
export async function openAdmin(options: AdminPortOptions): Promise<AdminListener> {
  const { config, signals } = options;
  const authorize = createAuthorize(options.tokens, config.operators);
  const { trustedProxies } = config;
  const strangers = createStrangers({ trustedProxies, signals });
  const ipOf = createCallerIp(trustedProxies);
  const ui = createConsole({
    folder: options.consoleFolder,
    isTaken: (path) => path === '/metrics' || path === sessionPath || rpc.has(path),
    authorize,
    strangers,
    signals,
    record: options.recordSession,
    onTrouble: (error) => signals.trouble('serving the console', error),
    ipOf,
    isSecure: config.admin.tls !== undefined,
  });
  const access: PortAccess = {
    operators: authorize.operators,
    sessionsOf: ui.sessions.countOf,
    servesConsole: ui.isBuilt,
  };
  const closing = new AbortController();
  // Two hundred calls may run at a time.
  setMaxListeners(0, closing.signal);
  const rpc = createUniversalEndpoint((router) => options.routes(router, access), {
    readMaxBytes: requestBytesMax + 2 * config.limits.eventBytesMax,
    interceptors: [
      answerErrors(signals),
      answerWhenClosing(closing.signal),
      checkRoles,
      options.audit,
    ],
    bodyTimeoutMs: requestTimeoutMs,
  });
  const handle = createAdminRequests({
    onTrouble: signals.trouble,
    ...options,
    authorize,
    strangers,
    console: ui,
    rpc,
    ipOf,
  });
  const listener = await listen({
    address: config.admin.listen,
    tls: config.admin.tls,
    tlsFiles: config.admin.tls && readTlsFiles(config.admin.tls, undefined, 'admin.tls'),
    engine: config.http.engine,
    handle,
    setting: 'HEADGATE_ADMIN_LISTEN',
    idleTimeoutMs: config.limits.idleTimeoutMs,
    requestTimeoutMs,
    connectionsMax,
    onlyKnownStay: true,
    trustedProxies,
    limited: signals.callerLimited,
  });
  return {
    ...listener,
    useOperators: authorize.useOperators,
    makeSignInCode: ui.makeCode,
    close: async (graceMs) => {
      strangers.close();
      const timer = setTimeout(() => closing.abort(), graceMs);
      await listener.close(graceMs + lastAnswersMs);
      clearTimeout(timer);
    },
  };
}
