import { randomUUID } from 'node:crypto';

import { cutOffWhenAnswered, type HttpCall, type RequestHandler } from './http-call.ts';
import { problemText } from './problem-text.ts';
import { authorityOf, isSameAuthority } from './request-target.ts';

/** What the servers take on any path, for `Allow`. */
export const allowedMethods = 'GET, HEAD, POST, PUT, DELETE, OPTIONS';

/** An answer in place of the endpoint's. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

/**
 * Answers requests that break the rules of HTTP for every endpoint, on both engines, before `handle`
 * sees them: a wrong `Host` (RFC 9112 §3.2) or one that differs from `:authority` (RFC 9113 §8.3.1),
 * an unknown transfer coding (RFC 9112 §6.1), an unknown expectation (RFC 9110 §10.1.1), a target
 * that is not a path (RFC 9112 §3.2.3, §3.2.4).
 */
export function checkRequests(handle: RequestHandler): RequestHandler {
  // Most requests come by one name. Comparing it costs less than checking it again.
  let checkedAuthority: string | undefined;
  return (call) => {
    const { headers, url } = call;
    const authority = authorityOf(headers);
    let refusal: Refusal | undefined;
    if (authority !== checkedAuthority) {
      if (authority === undefined || isAuthority(authority)) checkedAuthority = authority;
      else refusal = malformed('The Host is not a name or address with an optional port.');
    }
    if (call.httpVersionMajor === 2) {
      if (headers.host !== undefined) refusal ??= refuseOtherHost(headers.host, authority);
    } else if (headers['transfer-encoding'] !== undefined) {
      refusal ??= refuseCoding(headers['transfer-encoding']);
    }
    if (call.malformed !== undefined) refusal = malformed(call.malformed);
    else if (headers.expect !== undefined) refusal ??= refuseExpectation(headers.expect);
    else if (url.length === 1 && url === '*') refusal ??= answerAsterisk(call);
    else if (call.method === 'CONNECT') refusal ??= noProxy;
    if (refusal !== undefined) refuse(call, refusal);
    else if (!call.answered) handle(call);
  };
}

/** RFC 3986 §3.2, without user information: RFC 9110 §4.2.4. Empty is valid: RFC 9110 §7.2. */
const authorityPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?$/;

export function isAuthority(text: string): boolean {
  return authorityPattern.test(text);
}

function malformed(detail: string): Refusal {
  return { status: 400, code: 'malformed_request', detail };
}

/** A proxy that looks at one of the two and a server that looks at the other disagree. */
function refuseOtherHost(host: string, authority: string | undefined): Refusal | undefined {
  if (authority === undefined || isSameAuthority(host, authority)) return undefined;
  return malformed('Host and :authority differ. Send :authority alone.');
}

/** The parser undoes the last coding, chunked. It would pass on what another one has made. */
function refuseCoding(coding: string): Refusal | undefined {
  if (coding === 'chunked' || coding.toLowerCase() === 'chunked') return undefined;
  const detail = `The transfer coding "${coding.slice(0, 40)}" is not supported. Send chunked, or Content-Length.`;
  return { status: 501, code: 'malformed_request', detail };
}

/** CONNECT, whose target is a host and not a path. */
export const noProxy: Refusal = {
  status: 405,
  code: 'method_not_allowed',
  detail: 'This server is no proxy: it has no CONNECT.',
};

function refuseExpectation(expect: string): Refusal | undefined {
  if (isContinue(expect)) return undefined;
  const detail = `The expectation "${expect.slice(0, 40)}" is unknown. Send 100-continue or none.`;
  return { status: 417, code: 'malformed_request', detail };
}

/** Whether the caller waits for 100 Continue before it sends its body. */
export function isContinue(expect: string): boolean {
  return expect === '100-continue' || expect.toLowerCase() === '100-continue';
}

/** `OPTIONS *` asks about the server and not about a resource. */
function answerAsterisk(call: HttpCall): Refusal | undefined {
  if (call.method !== 'OPTIONS') return malformed('Only OPTIONS has the target "*". Send a path.');
  cutOffWhenAnswered(call);
  call.reply(204, { allow: allowedMethods, 'x-correlation-id': randomUUID() }, '');
  return undefined;
}

function refuse(call: HttpCall, { status, code, detail }: Refusal): void {
  const body = problemText(status, code, detail);
  const headers: Record<string, string | number> = {
    'content-type': 'application/problem+json',
    'x-correlation-id': randomUUID(),
    'content-length': Buffer.byteLength(body),
  };
  if (status === 405) headers['allow'] = allowedMethods;
  cutOffWhenAnswered(call);
  call.reply(status, headers, body);
}
