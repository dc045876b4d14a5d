import { delivered, type Outcome } from './destination.ts';

/** A far side may ask for any wait; beyond a day it is a mistake or an attack. */
const notBeforeMsMax = 24 * 60 * 60 * 1000;

const excerptCharactersMax = 200;

/** What a webhook's far side answered. */
export interface WebhookAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The beginning of the body. */
  readonly text: string;
}

/**
 * Answers below 500 that speak of the endpoint and not of the event: every event would get them.
 * Wrong or missing credentials (401, 407), not an endpoint that takes POST (405), too slow (408),
 * too early (425), too many (429), and 410, with which Standard Webhooks retires an endpoint.
 */
const endpointStatuses: ReadonlySet<number> = new Set([401, 405, 407, 408, 410, 425, 429]);

/**
 * The outcome of an answer. A 3xx is the endpoint's fault: it moved, and its operator has to put
 * the new address into `url`; to follow it would hand signed events to wherever it points.
 */
export function outcomeOfAnswer(
  answer: WebhookAnswer,
  nowMs: number,
  hide: (text: string) => string,
): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return delivered;
  const ofEndpoint = status < 400 || status >= 500 || endpointStatuses.has(status);
  const notBeforeMs = readRetryAfter(answer.retryAfter, nowMs);
  const said = excerpt(hide(answer.text));
  return {
    kind: 'retry',
    fault: ofEndpoint ? 'destination' : 'event',
    reason: reasonOf(status) + (said === '' ? '' : `: ${said}`),
    status: String(status),
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
  };
}

function reasonOf(status: number): string {
  if (status >= 300 && status < 400) {
    const advice = 'redirects are not followed; set url to the new place';
    return `redirect_refused: answered ${status}, and ${advice}`;
  }
  if (status === 410) return 'answered 410: the endpoint is gone for good';
  return `answered ${status}`;
}

/** The wait in a Retry-After header, in seconds or as an HTTP date; undefined where it has none. */
export function readRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  // Date.parse takes almost anything; a date of HTTP begins with a weekday.
  const waitMs = /^\d+$/.test(text)
    ? Number(text) * 1000
    : /^[A-Z][a-z]{2}/.test(text)
      ? Date.parse(text) - nowMs
      : Number.NaN;
  return waitMs > 0 ? Math.min(waitMs, notBeforeMsMax) : undefined;
}

/** One printable line of the far side's own words. */
function excerpt(text: string): string {
  const line = text
    .replaceAll(/[\p{Cc}\p{Cf}\s\uFFFD]+/gu, ' ')
    .trim();
  return line.length > excerptCharactersMax ? `${line.slice(0, excerptCharactersMax)}...` : line;
}

/**
 * Hides what must not reach a log or a dead letter should the far side echo it: the secrets, the
 * query, and the parts of the path that look like a token, as chat services put them there.
 */
export function createHider(url: URL, secrets: readonly string[]): (text: string) => string {
  const segments = url.pathname.split('/').filter((segment) => segment.length >= 16);
  const pairs = url.search.slice(1).split('&').map((pair) => pair.slice(pair.indexOf('=') + 1));
  const hidden = [
    ...secrets,
    url.search.slice(1),
    ...pairs.filter((value) => value.length >= 4),
    ...[...url.searchParams.values()].filter((value) => value.length >= 4),
    ...segments,
  ].filter((value) => value !== '');
  // The longest first, so that a part never leaves the rest of its whole behind.
  hidden.sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((shown, value) => shown.replaceAll(value, '***'), text);
}
