import type { DescService } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createClient,
  type Client,
  type Interceptor,
} from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import { StartError } from '../errors.ts';

/** Calls the admin port. A failed call throws a StartError of one sentence. */
export interface AdminClient<Service extends DescService> {
  call<Answer>(work: (service: Client<Service>) => Promise<Answer>): Promise<Answer>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const timeoutMs = 30_000;

/** `named` is the value of --admin. */
export function connectAdmin<Service extends DescService>(
  described: Service,
  named: string | undefined,
  env: Environment,
): AdminClient<Service> {
  const url = adminUrl(named ?? env['HEADGATE_ADMIN_LISTEN'] ?? '127.0.0.1:8081');
  const token = env['HEADGATE_ADMIN_TOKEN'];
  const withToken: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    interceptors: [withToken],
    defaultTimeoutMs: timeoutMs,
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
 * HEADGATE_ADMIN_LISTEN is host:port. A wildcard address is replaced by loopback, to connect to.
 */
export function adminUrl(text: string): string {
  const url = text.includes('://')
    ? text
    : `http://${text.startsWith(':') ? `127.0.0.1${text}` : text}`;
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
    return `The admin port at ${url} asks for a token: set HEADGATE_ADMIN_TOKEN to the right one.`;
  }
  if (error.code === Code.Unavailable && isNetworkFault(error.cause)) {
    return `The admin port cannot be reached at ${url}. Is the gate running, and is --admin right?`;
  }
  if (error.code === Code.Unimplemented) {
    return `The server at ${url} is not the admin port of a gate. Is --admin right?`;
  }
  return error.rawMessage;
}

function isNetworkFault(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause;
}
