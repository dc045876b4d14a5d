import type { JsonValue } from '../../event/json/json.ts';
import { delivered, type Outcome } from '../destination.ts';
import { excerpt, readRetryAfter, type HttpAnswer } from '../http-client/answers.ts';
import type { HttpApiSettings, RetryDelay } from './read-settings.ts';
import { valueAt } from './url-template.ts';

/** An API may ask for any delay. More than a day is a mistake or an attack. */
const delayMsMax = 24 * 60 * 60 * 1_000;

/** What an answer means, by the statuses of the settings. */
export function outcomeOfApi(
  answer: HttpAnswer,
  settings: Pick<HttpApiSettings, 'isSuccess' | 'isRetry' | 'isDead' | 'retryDelay'>,
  hide: (text: string) => string,
): Outcome {
  const { status } = answer;
  if (settings.isSuccess(status)) return delivered;
  const said = excerpt(hide(answer.text));
  const isRedirect = status >= 300 && status < 400;
  const what = isRedirect
    ? `redirect_refused: answered ${status}, and redirects are not followed; set url to the new place`
    : `answered ${status}`;
  const reason = said === '' ? what : `${what}: ${said}`;
  const code = String(status);
  if (settings.isDead(status)) return { kind: 'dead', reason, status: code };
  const notBeforeMs = readDelay(answer, settings.retryDelay);
  return {
    kind: 'retry',
    fault: settings.isRetry(status) || isRedirect ? 'destination' : 'event',
    reason,
    status: code,
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
  };
}

/** A number in the unit of the settings, or what Retry-After may have. */
function readDelay(answer: HttpAnswer, { field, unitMs }: RetryDelay): number | undefined {
  const text = (field === undefined ? undefined : fieldOf(answer.text, field)) ?? answer.retryAfter;
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  if (!/^\d{1,15}(\.\d{1,9})?$/.test(trimmed)) {
    const sentMs = Date.parse(answer.date ?? '');
    return readRetryAfter(trimmed, Number.isNaN(sentMs) ? Date.now() : sentMs);
  }
  const delayMs = Math.ceil(Number(trimmed) * unitMs);
  return delayMs > 0 ? Math.min(delayMs, delayMsMax) : undefined;
}

function fieldOf(text: string, pointer: string): string | undefined {
  try {
    const value = valueAt(JSON.parse(text) as JsonValue, pointer);
    return typeof value === 'number' || typeof value === 'string' ? String(value) : undefined;
  } catch {
    return undefined;
  }
}
