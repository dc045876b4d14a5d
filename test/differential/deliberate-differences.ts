import type { GeneratedRequest } from './generated-requests.ts';
import type { UnderstoodAnswer } from './understood-answer.ts';

/*
 * The deliberate differences between the answers of the fast endpoints and those of the stock Connect
 * router. Everything else must be equal.
 */

/** Headers that only one of the two sends, and that callers may ignore. */
const adviceHeaders = [
  // The stock router repeats it in the trailers, and omits it from its own refusals.
  'x-correlation-id',
  // Our endpoints list the known encodings, as the gRPC document on compression requires.
  'accept-encoding',
  'grpc-accept-encoding',
  // RFC 9110 §15.5.2 requires it on every 401.
  'www-authenticate',
];

/** Both mean the same message, and both protocols let the server choose. */
function canonicalType(type: string | undefined): string {
  return (type ?? '').replace(/^(application\/grpc(?:-web)?)\+proto$/, '$1');
}

export function comparable(request: GeneratedRequest, answer: UnderstoodAnswer): UnderstoodAnswer {
  const headers = Object.fromEntries(
    Object.entries(answer.headers).filter(([name]) => !adviceHeaders.includes(name)),
  );
  headers['content-type'] = canonicalType(headers['content-type']);
  // A caller's correlation id is returned; a generated one differs each time.
  const asked = request.raw.headers['x-correlation-id'] === 'corr-1' && answer.code === 'ok';
  if (asked) headers['x-correlation-id'] = answer.headers['x-correlation-id'] ?? '';
  return { ...answer, headers };
}

interface Difference {
  readonly what: string;
  readonly why: string;
  readonly holds: (
    request: GeneratedRequest,
    fast: UnderstoodAnswer,
    stock: UnderstoodAnswer,
  ) => boolean;
}

const isFramed = ({ protocol }: GeneratedRequest): boolean => protocol.startsWith('grpc');

const refusedAs = (answer: UnderstoodAnswer, code: string): boolean =>
  answer.code === code && JSON.stringify(answer.details).includes('"domain":"headgate"');

export const deliberate: readonly Difference[] = [
  {
    what: 'A refusal of the protocol has a detail (ErrorInfo) and words of ours.',
    why: 'Every error carries a code of docs/reference/errors.md; the gRPC code and the HTTP status are equal.',
    holds: (_request, fast, stock) =>
      stock.code === fast.code &&
      stock.status === fast.status &&
      stock.code !== 'ok' &&
      stock.details.length === 0 &&
      refusedAs(fast, fast.code),
  },
  {
    what: 'A message that is not protocol buffers is invalid_argument; the stock router says internal.',
    why: 'A body that cannot be parsed is the fault of its request. `internal` would page an operator.',
    holds: (_request, fast, stock) =>
      stock.code === 'internal' &&
      stock.message.startsWith('parse binary: ') &&
      refusedAs(fast, 'invalid_argument'),
  },
  {
    what: 'JSON that is not UTF-8 is refused; the stock router replaces what it cannot read.',
    why: 'RFC 8259 §8.1; a replaced character would be stored as if the producer had sent it.',
    holds: ({ oddity, protocol }, fast) =>
      oddity === 'wrong UTF-8' &&
      protocol === 'connect-json' &&
      refusedAs(fast, 'invalid_argument'),
  },
  {
    what: 'An event with an unknown, reserved or unreadable JSON field gets a verdict of its own.',
    why: 'Promise 2: a bad event never takes a good one down with it; the library parses all or nothing.',
    holds: (request, fast, stock) => {
      const { oddity, protocol, rpc } = request;
      if (isUnreadInBatch(request, fast, stock)) return true;
      if (protocol !== 'connect-json' || !oddity.startsWith('event ')) return false;
      if (stock.code !== 'invalid_argument') return false;
      if (rpc === 'Track') return refusedAs(fast, 'invalid_argument');
      const { results } = fast.result as {
        results: { status: string; error?: { code: string } }[];
      };
      return results[1]!.status === 'REJECTED' && results[1]!.error!.code.endsWith('_field');
    },
  },
  {
    what: 'An unknown key is reported before an error in the body.',
    why: 'Who may not send is not read.',
    holds: (_request, fast, stock) =>
      refusedAs(fast, 'unauthenticated') && stock.code !== 'ok' && stock.details.length === 0,
  },
  {
    what: 'An unknown Connect-Protocol-Version is refused; the stock router looks only when it must be there.',
    why: 'https://connectrpc.com/docs/protocol: a later version may mean something else.',
    holds: ({ oddity }, fast) =>
      oddity === 'unknown protocol version' && refusedAs(fast, 'invalid_argument'),
  },
  {
    what: 'Flags of a frame that have no meaning are refused; the stock router passes them over.',
    why: 'PROTOCOL-HTTP2.md knows 0 and 1: anything else is not a message of this protocol.',
    holds: (request, fast) =>
      request.oddity === 'unknown flags' && isFramed(request) && refusedAs(fast, 'internal'),
  },
  {
    what: 'A frame cut right behind its five bytes is cut short; the stock router sees no message.',
    why: 'The frame promised bytes that did not come: invalid_argument, as at every other place.',
    holds: ({ oddity }, fast, stock) =>
      oddity === 'cut short' &&
      stock.code === 'unimplemented' &&
      refusedAs(fast, 'invalid_argument'),
  },
  {
    what: 'gRPC over HTTP/1.1 is refused with 415 and what to use instead; the stock router serves it.',
    why: 'gRPC is defined over HTTP/2: its status is in trailers that most of HTTP/1.1 drops.',
    holds: ({ oddity, protocol }, fast) =>
      oddity === 'HTTP/1.1 for gRPC' && protocol === 'grpc' && fast.status === 415,
  },
  {
    what: 'Parameters of a content type are passed over; the stock router knows charset=utf-8 of JSON.',
    why: 'They have no meaning for these types (RFC 8259 §11).',
    holds: ({ oddity }, fast, stock) =>
      oddity === 'content type with charset' && stock.status === 415 && fast.status !== 415,
  },
  {
    what: '404, 405 and 415 say why (problem+json); the stock router answers an empty body.',
    why: 'They are answered before it is known which protocol the caller speaks.',
    holds: (_request, fast, stock) =>
      [404, 405, 415].includes(fast.status) && fast.status === stock.status && stock.code === '',
  },
];

/** No JSON, no UTF-8 or no protocol buffers: the same promise. The size is checked, and room is asked for. */
function isUnreadInBatch(
  ...[{ rpc, oddity, protocol }, fast, stock]: Parameters<Difference['holds']>
): boolean {
  if (rpc !== 'BatchTrack') return false;
  const isRefused = stock.code === 'internal' || stock.code === 'invalid_argument';
  // The stock router takes JSON that is not UTF-8, with other characters in it.
  if (!isRefused && !(oddity === 'wrong UTF-8' && protocol === 'connect-json')) return false;
  if (fast.code === 'resource_exhausted' || fast.code === 'unavailable') return true;
  const result = fast.result as {
    results?: { status: string; error?: { violations?: { code?: string }[] } }[];
  } | null;
  return (result?.results ?? []).some(
    ({ status, error }) => status === 'REJECTED' && error?.violations?.[0]?.code === 'json',
  );
}
