import { validateHeaderValue, type IncomingHttpHeaders } from 'node:http';

/**
 * Throws a TypeError for a value that a field may not hold. Node's HTTP/2 checks only the names.
 */
export function checkFields(fields: Record<string, string | number | string[]>): void {
  for (const name in fields) {
    const value = fields[name]!;
    if (typeof value === 'string') validateHeaderValue(name, value);
    else if (typeof value !== 'number') {
      for (const each of value) validateHeaderValue(name, each);
    }
  }
}

/**
 * Trims white space from both ends of values, as our own server does
 * (http2/headers/request-head.ts).
 */
export function withoutPadding(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string' && isPadded(value)) headers[name] = value.trim();
  }
  return headers;
}

function isPadded(value: string): boolean {
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  return first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09;
}
