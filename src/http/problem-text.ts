import { STATUS_CODES } from 'node:http';

/**
 * The body of an answer to a request that no endpoint sees, as problem JSON (RFC 9457), shorter than
 * those of the endpoints. `code` is one of docs/reference/errors.md.
 */
export function problemText(status: number, code: string, detail: string): string {
  const title = STATUS_CODES[status];
  return JSON.stringify({ type: `urn:headgate:error:${code}`, title, status, detail, code });
}
