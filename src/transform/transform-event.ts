import { isJsonObject, type JsonObject } from '../event/json/json.ts';
import { parseJsonText } from '../event/json/parse-json.ts';
import { readableForm, storedForm, TransformError } from './event-form.ts';
import { writeExactly } from './exact-digits.ts';
import type { RunProgram, TransformProgram } from './transform-program.ts';

/** What became of one event. `payload` is a stored event, as the log has it. */
export type TransformResult =
  | { readonly kind: 'unchanged' | 'filtered' }
  | { readonly kind: 'changed'; readonly payload: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string };

/** A message may quote the event: a reason that people read has its beginning. */
const reasonMax = 300;
const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** Rejects with a StartError if it does not compile. */
export const compileProgram = async ({ kind, text }: TransformProgram): Promise<RunProgram> =>
  kind === 'jsonata'
    ? (await import('./expression.ts')).compileExpression(text)
    : (await import('./script.ts')).compileScript(text);

/** Runs a program on a stored event. Never rejects. */
export async function transformEvent(
  run: RunProgram,
  payload: Uint8Array,
): Promise<TransformResult> {
  try {
    const text = decoder.decode(payload);
    const stored = parseJsonText(text);
    if (!isJsonObject(stored) || typeof stored['eventId'] !== 'string') {
      return { kind: 'failed', reason: 'the payload is not a stored event' };
    }
    const changed = storedForm(plain(await run(readableForm(stored))), stored);
    if (changed === null) return { kind: 'filtered' };
    if (JSON.stringify(changed) === JSON.stringify(stored)) return { kind: 'unchanged' };
    return { kind: 'changed', payload: encoder.encode(writeExactly(changed, text)) };
  } catch (error) {
    return failed(error);
  }
}

/**
 * Runs a program on a stored event, or a list of them, for any value: a changed payload is its JSON
 * text. Never rejects.
 */
export async function renderEvents(run: RunProgram, payload: Uint8Array): Promise<TransformResult> {
  try {
    const stored = parseJsonText(decoder.decode(payload));
    const readable = Array.isArray(stored)
      ? stored.map((one) => readableForm(one as JsonObject))
      : readableForm(stored as JsonObject);
    const value = plain(await run(readable));
    if (value === undefined || value === null) {
      throw new TransformError('the expression gave no result');
    }
    return { kind: 'changed', payload: encoder.encode(JSON.stringify(value)) };
  } catch (error) {
    return failed(error);
  }
}

/** What is no JSON (a function, a list with extras of its library) does not leave. */
function plain(given: unknown): unknown {
  return given === undefined ? undefined : (JSON.parse(JSON.stringify(given)) as unknown);
}

function failed(error: unknown): TransformResult {
  const { message } = error as { message?: unknown };
  return { kind: 'failed', reason: String(message ?? error).slice(0, reasonMax) };
}
