import { ServiceError } from '../../errors.ts';
import { textOf } from '../decode/decode-json.ts';
import { mediaTypeOf, type Exchange } from '../exchange.ts';

/*
 * Events of Mixpanel as the parameter `data` of a form or a query: JSON, or base64 of it.
 */

export const formType = 'application/x-www-form-urlencoded';

export function queryOf(exchange: Exchange): URLSearchParams {
  return new URLSearchParams(queryTextOf(exchange));
}

function queryTextOf({ call: { url } }: Exchange): string {
  const query = url.indexOf('?');
  return query === -1 ? '' : url.slice(query + 1);
}

/** Whether the body of a request is a form. */
export function isForm(exchange: Exchange): boolean {
  return exchange.call.method !== 'GET' && mediaTypeOf(exchange) === formType;
}

/** Requests whose form asks for an answer of JSON, as Mixpanel's SDK for Python does. */
const verboseForms = new WeakSet<Exchange>();

/** `data` of a form. Throws a ServiceError `malformed_request`. */
export function dataOfForm(exchange: Exchange, body: Buffer): Buffer {
  const encoded = textOf(body);
  const parameters = new URLSearchParams(encoded);
  if (parameters.get('verbose') === '1') verboseForms.add(exchange);
  return dataOf(encoded, parameters);
}

/** Whether the form of a request has `verbose=1`. */
export function isVerboseForm(exchange: Exchange): boolean {
  return verboseForms.has(exchange);
}

/** Throws a ServiceError `malformed_request`. */
function dataOf(encoded: string, parameters: URLSearchParams): Buffer {
  const [data, second] = parameters.getAll('data');
  if (second !== undefined) {
    throw new ServiceError(
      'malformed_request',
      'The parameter "data" stands twice. Send all events in one, as an array.',
    );
  }
  if (data === undefined) {
    throw new ServiceError(
      'malformed_request',
      'The parameter "data" is missing: JSON, or base64 of it.',
    );
  }
  // Escapes that are no UTF-8 become U+FFFD, and the event another one than was sent.
  if (data.includes('\ufffd') && !/%EF%BF%BD|\ufffd/i.test(encoded)) {
    throw new ServiceError('malformed_request', 'The parameter "data" is not UTF-8.');
  }
  const text = data.trimStart();
  if (text.startsWith('[') || text.startsWith('{')) return Buffer.from(text);
  // A plus that was not escaped is a space by now.
  return Buffer.from(text.replaceAll(' ', '+'), 'base64');
}

/** The SDK for Node sends an event by GET. */
export function textOfQuery(exchange: Exchange): Buffer | undefined {
  if (exchange.call.method !== 'GET') return undefined;
  const encoded = textOf(Buffer.from(queryTextOf(exchange), 'latin1'));
  return dataOf(encoded, new URLSearchParams(encoded));
}
