import { isJsonObject } from '../event/json/json.ts';
import { parseJsonText } from '../event/json/parse-json.ts';
import { readableForm, storedForm } from './event-form.ts';
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
    const given = await run(readableForm(stored));
    // What is no JSON (a function, a list with extras of its library) does not leave.
    const result = given === undefined ? undefined : (JSON.parse(JSON.stringify(given)) as unknown);
    const changed = storedForm(result, stored);
    if (changed === null) return { kind: 'filtered' };
    if (JSON.stringify(changed) === JSON.stringify(stored)) return { kind: 'unchanged' };
    return { kind: 'changed', payload: encoder.encode(writeExactly(changed, text)) };
  } catch (error) {
    const { message } = error as { message?: unknown };
    return { kind: 'failed', reason: String(message ?? error).slice(0, reasonMax) };
  }
}
