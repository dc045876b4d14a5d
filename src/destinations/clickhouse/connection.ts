import { readFileSync } from 'node:fs';
import { Agent, type ClientRequest } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { StartError } from '../../errors.ts';
import type { AnswerHead } from './fault.ts';
import type { DestinationSettings } from '../destination.ts';
import { readHttpUrl } from '../http-client/endpoint.ts';

export interface ClickhouseConnection {
  readonly client: ClickHouseClient;
  /**
   * The status and headers of the answer to a query. Undefined if there was no answer. Call it
   * once, after the query has ended.
   */
  takeHead(queryId: string): AnswerHead | undefined;
  close(): Promise<void>;
}

/**
 * Opens no connection yet: a server that is down when Headgate starts is an outage like any other.
 */
export function createClickhouseConnection(
  name: string,
  settings: DestinationSettings,
): ClickhouseConnection {
  const url = readHttpUrl(name, 'url', settings);
  if (url.pathname !== '/' || url.search !== '') {
    const advice = 'take out what follows the host; database and table have settings of their own';
    throw new StartError(`destinations.${name}.url: ${advice}`);
  }
  const heads = new Map<string, AnswerHead>();
  const options = { keepAlive: true, maxSockets: Number(settings['concurrency']) };
  const ca = readAuthority(name, settings);
  const agent =
    url.protocol === 'https:' ? new TlsAgent({ ...options, ...ca }) : new Agent(options);
  watchAnswers(agent, (queryId, head) => heads.set(queryId, head));
  const client = createClient({
    url: url.origin,
    username: String(settings['user']),
    password: String(settings['password'] ?? ''),
    database: String(settings['database']),
    application: `headgate ${name}`,
    request_timeout: Number(settings['timeout']),
    http_agent: agent,
    // The client would write to the console. The outcome has what matters of an error.
    log: { level: ClickHouseLogLevel.OFF },
  });
  return {
    client,
    takeHead(queryId) {
      const head = heads.get(queryId);
      heads.delete(queryId);
      return head;
    },
    close: () => client.close(),
  };
}

function readAuthority(name: string, settings: DestinationSettings): { ca?: string } {
  const path = settings['tls_ca'];
  if (typeof path !== 'string') return {};
  try {
    return { ca: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new StartError(`destinations.${name}.tls_ca: cannot read it: ${code}`);
  }
}

interface RequestTaker {
  addRequest(request: ClientRequest, ...rest: unknown[]): void;
}

/**
 * Reads the head of each answer. The client passes on only the body of a failed answer, and loses
 * Retry-After.
 */
function watchAnswers(agent: Agent, onAnswer: (queryId: string, head: AnswerHead) => void): void {
  // The method that every agent has for a request. Node does not document it, but every agent
  // relies on it.
  const taker = agent as unknown as RequestTaker;
  const addRequest = taker.addRequest.bind(agent);
  taker.addRequest = (request, ...rest) => {
    request.once('response', ({ statusCode = 0, headers }) => {
      const queryId = /[?&]query_id=([^&]*)/.exec(request.path)?.[1];
      if (queryId === undefined || statusCode < 300) return;
      onAnswer(queryId, { status: statusCode, retryAfter: headers['retry-after'] });
    });
    addRequest(request, ...rest);
  };
}
