import { eventJson } from '../event-json.ts';
import {
  describeOutage,
  notAGate,
  retryAfterMs,
  unauthorized,
  type Answer,
  type Transport,
  type TransportOptions,
  type Verdict,
  type VerdictError,
} from './transport.ts';

/** Sends `POST /v1/batch` with fetch, for networks where only plain JSON gets through. */
export function openJsonTransport(options: TransportOptions): Transport {
  const { url, key, requestTimeoutMs } = options;
  const headers = {
    'content-type': 'application/json',
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  };
  const closed = new AbortController();
  return {
    // The field names in JSON, and the comma.
    overheadBytes: 160,
    send: async (records) => {
      const events = records.map(eventJson).join(',');
      const body = `{"sent_at":"${new Date().toISOString()}","events":[${events}]}`;
      const timeout = AbortSignal.timeout(requestTimeoutMs);
      const signal = AbortSignal.any([closed.signal, timeout]);
      try {
        const response = await fetch(`${url}/v1/batch`, { method: 'POST', headers, body, signal });
        return answerOf(response, await response.text(), records.length, url);
      } catch (error) {
        if (timeout.aborted) {
          const message = `The gate at ${url} did not answer in time`;
          return { kind: 'retry', reason: 'overloaded', message, afterMs: 0 };
        }
        const message = describeOutage(error, url);
        return { kind: 'retry', reason: 'unreachable', message, afterMs: 0 };
      }
    },
    close: () => closed.abort(),
  };
}

/** The fields of an answer that the client reads. */
interface Body {
  readonly results?: readonly {
    readonly event_id: string;
    readonly status: string;
    readonly error?: VerdictError;
  }[];
  readonly code?: unknown;
  readonly detail?: unknown;
}

function answerOf(response: Response, text: string, count: number, url: string): Answer {
  const { status } = response;
  const body = parse(text);
  const afterMs = retryAfterMs(response.headers);
  if (Array.isArray(body.results)) {
    if (body.results.length !== count) {
      return notAGate(url, `${body.results.length} verdicts on ${count} events`);
    }
    return { kind: 'verdicts', verdicts: body.results.map(verdictOf), afterMs };
  }
  const message = typeof body.detail === 'string' ? body.detail : `HTTP ${status}`;
  if (status === 401 || status === 403) return unauthorized(url, message);
  if (status === 400 || status === 413 || status === 422)
    return refusal(status, body, message, url);
  if (status === 408 || status === 429 || status >= 500) {
    const busy = `The gate at ${url} is busy (${gateCodeOf(body) ?? status}): ${message}`;
    return { kind: 'retry', reason: 'overloaded', message: busy, afterMs };
  }
  return notAGate(url, message);
}

/** A gate gives a code with each refusal. Without one, a firewall or a proxy answered. */
function refusal(status: number, body: Body, message: string, url: string): Answer {
  const code = gateCodeOf(body);
  if (code !== undefined) return { kind: 'split', code, message };
  const advice =
    status === 413
      ? ' as too large. Raise its limit for the body of a request'
      : '. Its log or rules say why';
  const refused =
    `A server before the gate at ${url}, such as a proxy or a firewall, refused the request with ` +
    `HTTP ${status}${advice}`;
  return { kind: 'split', code: undefined, message: refused };
}

/** Undefined for the codes of other servers, which are numbers or have capitals. */
function gateCodeOf({ code }: Body): string | undefined {
  return typeof code === 'string' && /^[a-z]+(_[a-z]+)*$/.test(code) ? code : undefined;
}

function verdictOf(result: NonNullable<Body['results']>[number]): Verdict {
  const { status, event_id: eventId, error } = result;
  const known = status === 'accepted' || status === 'duplicate' || status === 'rejected';
  return { status: known ? status : 'retry', eventId, error };
}

function parse(text: string): Body {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
