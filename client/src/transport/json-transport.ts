import { eventJson } from '../event-json.ts';
import {
  answerBytesMax,
  areInOrder,
  describeOutage,
  isPassing,
  notAGate,
  refusedBefore,
  retryAfterMs,
  tooLarge,
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
        // A redirect would send the events and the key to another server.
        const request = { method: 'POST', headers, body, signal, redirect: 'manual' } as const;
        const response = await fetch(`${url}/v1/batch`, request);
        const text = await readText(response);
        return text === undefined ? tooLarge(url) : answerOf(response, text, records, url);
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

/** Undefined if the answer is too large. Then the connection is closed, whatever else would come. */
async function readText({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

type Members = Readonly<Record<string, unknown>>;

function answerOf(
  response: Response,
  text: string,
  records: readonly Buffer[],
  url: string,
): Answer {
  const { status } = response;
  const body = parse(text);
  const afterMs = retryAfterMs(response.headers);
  if (Array.isArray(body['results'])) return verdictsOf(body['results'], records, url, afterMs);
  const code = gateCodeOf(body);
  const message = typeof body['detail'] === 'string' ? body['detail'] : `HTTP ${status}`;
  if (isPassing(status)) {
    const busy = `The gate at ${url} is busy (${code ?? status}): ${message}`;
    return { kind: 'retry', reason: 'overloaded', message: busy, afterMs };
  }
  if (status === 401 || (status === 403 && code !== undefined)) return unauthorized(url, message);
  if (status < 300 || status === 407) return notAGate(url, message);
  if (code === undefined) return refusedBefore(url, status, response.headers.get('location'));
  const isOfRequest = status === 400 || status === 413 || status === 422;
  return isOfRequest ? { kind: 'split', code, isOfEvent: true, message } : notAGate(url, message);
}

/** A gate gives a code with each refusal. Other servers may have codes, too, but not this type. */
function gateCodeOf({ type, code }: Members): string | undefined {
  return typeof code === 'string' && type === `urn:headgate:error:${code}` ? code : undefined;
}

function verdictsOf(
  results: readonly unknown[],
  records: readonly Buffer[],
  url: string,
  afterMs: number,
): Answer {
  if (results.length !== records.length) {
    return notAGate(url, `${results.length} verdicts on ${records.length} events`);
  }
  const read = results.map(membersOf);
  const verdicts = read.map(verdictOf).filter((verdict) => verdict !== undefined);
  if (verdicts.length !== results.length) return notAGate(url, 'its verdicts cannot be read');
  if (!areInOrder(records, read.map(textOf('idempotency_key')))) {
    return notAGate(url, 'its verdicts are on other events');
  }
  return { kind: 'verdicts', verdicts, afterMs };
}

/** Undefined if it is not in the format of a verdict. */
function verdictOf(result: Members): Verdict | undefined {
  const status = result['status'];
  if (typeof status !== 'string') return undefined;
  const known = status === 'accepted' || status === 'duplicate' || status === 'rejected';
  const error = result['error'] === undefined ? undefined : errorOf(membersOf(result['error']));
  if (status === 'rejected' && error?.code === '') return undefined;
  return { status: known ? status : 'retry', eventId: textOf('event_id')(result) ?? '', error };
}

function errorOf(error: Members): VerdictError {
  const violations = Array.isArray(error['violations']) ? error['violations'] : [];
  return {
    ...codeAndMessage(error),
    violations: violations.map(membersOf).map((violation) => ({
      path: textOf('path')(violation) ?? '',
      ...codeAndMessage(violation),
    })),
  };
}

function codeAndMessage(members: Members): { code: string; message: string } {
  return { code: textOf('code')(members) ?? '', message: textOf('message')(members) ?? '' };
}

const textOf =
  (name: string) =>
  (members: Members): string | undefined => {
    const value = members[name];
    return typeof value === 'string' ? value : undefined;
  };

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function parse(text: string): Members {
  try {
    return membersOf(JSON.parse(text));
  } catch {
    return {};
  }
}
