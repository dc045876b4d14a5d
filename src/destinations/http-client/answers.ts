import { delivered, type Outcome } from '../destination.ts';

/** A server may ask for any delay. More than a day is a mistake or an attack. */
const notBeforeMsMax = 24 * 60 * 60 * 1000;

const excerptCharactersMax = 200;

/** The answer of an HTTP server. */
export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Its `Date` header. */
  readonly date?: string | undefined;
  /** The beginning of the body. */
  readonly text: string;
  /** Why it is not the whole body. Undefined if it is. */
  readonly cut?: string | undefined;
}

/** How answers are interpreted. */
export interface AnswerReading {
  /** True if this status refuses the event, and the server and its settings are not the cause. */
  readonly refusesEvent: (status: number) => boolean;
  /** Removes what must not be shown. */
  readonly hide: (text: string) => string;
  /** Advice about a status, for people. */
  readonly advice?: Readonly<Record<number, string>>;
}

/**
 * The outcome of an answer. The destination causes a 3xx: it has moved, and its operator has to set
 * the new address. Following the redirect would send events wherever it points.
 */
export function outcomeOfAnswer(
  answer: HttpAnswer,
  nowMs: number,
  { refusesEvent, hide, advice }: AnswerReading,
): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return delivered;
  const notBeforeMs = readRetryAfter(answer.retryAfter, dateOf(answer, nowMs));
  const said = excerpt(hide(answer.text));
  const todo = advice?.[status];
  return {
    kind: 'retry',
    fault: refusesEvent(status) ? 'event' : 'destination',
    reason:
      reasonOf(status) + (todo === undefined ? '' : `; ${todo}`) + (said === '' ? '' : `: ${said}`),
    status: String(status),
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
  };
}

function reasonOf(status: number): string {
  if (status >= 300 && status < 400) {
    const advice = 'redirects are not followed; set the address to the new place';
    return `redirect_refused: answered ${status}, and ${advice}`;
  }
  return `answered ${status}`;
}

/**
 * The time of the answer by the server's own clock, from which a date in Retry-After counts: then
 * neither clock has to be right.
 */
function dateOf({ date }: HttpAnswer, nowMs: number): number {
  const sentMs = Date.parse(date ?? '');
  return Number.isNaN(sentMs) ? nowMs : sentMs;
}

/** The wait in a Retry-After header, in seconds or as an HTTP date. Undefined if it is neither. */
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

/** One printable line of the answer. */
export function excerpt(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\s\uFFFD]+/gu, ' ').trim();
  return line.length > excerptCharactersMax ? `${line.slice(0, excerptCharactersMax)}...` : line;
}

/**
 * Hides what must not reach a log or a dead letter if the server echoes it: the secrets, the query,
 * and parts of the path that look like a token, because chat services put tokens there.
 */
export function createHider(url: URL, secrets: readonly string[]): (text: string) => string {
  const segments = url.pathname.split('/').filter((segment) => segment.length >= 16);
  const pairs = url.search
    .slice(1)
    .split('&')
    .map((pair) => pair.slice(pair.indexOf('=') + 1));
  const hidden = [
    ...secrets,
    url.search.slice(1),
    ...pairs.filter((value) => value.length >= 4),
    ...[...url.searchParams.values()].filter((value) => value.length >= 4),
    ...segments,
  ].filter((value) => value !== '');
  // Longest first: a shorter secret that is part of a longer one must not leave the rest visible.
  hidden.sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((shown, value) => shown.replaceAll(value, '***'), text);
}
