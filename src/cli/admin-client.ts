import { readFileSync } from 'node:fs';

import type { DescService } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createClient,
  type Client,
  type Interceptor,
} from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import { formatAddress, isLoopbackUrl } from '../config/address.ts';
import { readAdminAccess, type AdminAccess } from '../config/read-admin-access.ts';
import { relayDataDir, settings } from '../config/settings.ts';
import { StartError } from '../errors.ts';
import { portTls, tlsAdvice, type PortTls } from './admin-port/port-tls.ts';
import { readAdminTokenFile } from '../operators/token-files.ts';

/** Calls the admin port. A failed call throws a StartError of one sentence. */
export interface AdminClient<Service extends DescService> {
  call<Answer>(work: (service: Client<Service>) => Promise<Answer>): Promise<Answer>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const timeoutMs = 30_000;

/** The options of every command that calls the admin port. */
export interface AdminOptions {
  /** `--admin`. */
  readonly admin?: string | undefined;
  /** `--config`. */
  readonly config?: string | undefined;
}

/**
 * Calls the admin port of the options or the configuration, which is read at the first call. The
 * token is HEADGATE_OPERATOR_TOKEN, else `admin.token`. For a port of this machine without it, the token that the gate made in
 * `data_dir` is used, or the one that a relay made in its default folder.
 */
export function connectAdmin<Service extends DescService>(
  described: Service,
  options: AdminOptions,
  env: Environment,
): AdminClient<Service> {
  let client: AdminClient<Service> | undefined;
  return {
    call: async (work) => {
      client ??= connectAdminPort(described, findAdmin(options, env));
      return await client.call(work);
    },
  };
}

/** An admin port and its token. */
export interface AdminPort {
  readonly url: string;
  /** Undefined if no token is known. */
  readonly token: string | undefined;
  /** Undefined if the URL is not https. */
  readonly tls: PortTls | undefined;
}

/** Throws a StartError if the configuration has a problem that concerns the admin port. */
export function findAdmin(options: AdminOptions, env: Environment): AdminPort {
  const { HEADGATE_ADMIN_LISTEN: listen, ...others } = env;
  const readFile = (file: string): string => readFileSync(file, 'utf8');
  const access = readAdminAccess({ env: others, configFile: options.config, readFile });
  const named = options.admin ?? (listen || formatAddress(access.listen));
  return adminPort(named, access, env);
}

/** `named` is a URL or host:port, which is one of TLS if `admin.tls` is configured. */
export function adminPort(
  named: string,
  access: Omit<AdminAccess, 'listen'>,
  env: Environment,
): AdminPort {
  const url = adminUrl(named, access.servedCert === undefined ? 'http' : 'https');
  return { url, token: tokenFor(url, access, env), tls: portTls(url, access) };
}

/**
 * The operator's own token, else that of the configuration, else the one that the gate made, which is
 * only for this machine and is sent to no other.
 */
function tokenFor(
  url: string,
  { token, dataDir }: Pick<AdminAccess, 'token' | 'dataDir'>,
  env: Environment,
): string | undefined {
  const own = env['HEADGATE_OPERATOR_TOKEN'] || token?.reveal();
  if (own !== undefined) return own;
  if (!isLoopbackUrl(url)) return undefined;
  const made = readAdminTokenFile(dataDir);
  // A relay has another folder by default, and most need no file of settings that names it.
  const isDefault = dataDir === settings.data_dir.default;
  return made ?? (isDefault ? readAdminTokenFile(relayDataDir) : undefined);
}

/** Calls a known admin port. */
export function connectAdminPort<Service extends DescService>(
  described: Service,
  { url, token, tls }: AdminPort,
): AdminClient<Service> {
  const withToken: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    interceptors: [withToken],
    defaultTimeoutMs: timeoutMs,
    // Within one machine compressing costs more than the bytes do.
    ...(isLoopbackUrl(url) && { acceptCompression: [] }),
    ...(tls !== undefined && { nodeOptions: tls }),
  });
  const service = createClient(described, transport);
  return {
    call: async (work) => {
      try {
        return await work(service);
      } catch (cause) {
        throw new StartError(sentenceOf(ConnectError.from(cause), url), { cause });
      }
    },
  };
}

/**
 * HEADGATE_ADMIN_LISTEN is host:port, to which `scheme` is added. A wildcard address is replaced by loopback, to connect to.
 */
export function adminUrl(text: string, scheme: 'http' | 'https' = 'http'): string {
  const url = text.includes('://')
    ? text
    : `${scheme}://${text.startsWith(':') ? `127.0.0.1${text}` : text}`;
  if (!URL.canParse(url)) {
    throw new StartError('--admin is not a URL such as http://127.0.0.1:8081.');
  }
  const parsed = new URL(url);
  if (parsed.hostname === '0.0.0.0') parsed.hostname = '127.0.0.1';
  if (parsed.hostname === '[::]') parsed.hostname = '[::1]';
  return parsed.href.replace(/\/$/, '');
}

function sentenceOf(error: ConnectError, url: string): string {
  if (error.code === Code.Unauthenticated) {
    return (
      `The admin port at ${url} asks for another token: set HEADGATE_ADMIN_TOKEN to its admin.token, or ` +
      'HEADGATE_OPERATOR_TOKEN to your own. On the machine of the gate, unset both and name ' +
      'HEADGATE_DATA_DIR, or the file with --config: this command then reads the token that the gate made.'
    );
  }
  const advice = url.startsWith('https:') ? tlsAdvice(error.cause) : undefined;
  if (advice !== undefined) return `The admin port at ${url}: ${advice}.`;
  if (error.code === Code.Unavailable && isNetworkFault(error.cause)) {
    return `The admin port cannot be reached at ${url}. Is the gate running, and is --admin right?`;
  }
  if (error.code === Code.DeadlineExceeded && error.rawMessage === timedOut) {
    return `The admin port at ${url} has not answered in time. Does the gate run well, and is --admin right?`;
  }
  if (error.code === Code.Unimplemented) {
    return `The server at ${url} is not the admin port of a gate. Is --admin right?`;
  }
  return error.rawMessage;
}

/** What the library says when the time of a call is over. */
const timedOut = 'the operation timed out';

function isNetworkFault(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause;
}
