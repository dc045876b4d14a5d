import { ServiceError, StartError } from '../../errors.ts';
import type { Verdict } from '../../event/verdict.ts';
import {
  decodeBatchJson,
  decodeNdjson,
  decodeTrackRest,
  isBatchJson,
} from '../../gate/decode/decode-json.ts';
import type { IncomingBatch } from '../../gate/decode/incoming-batch.ts';
import { readLines, type Line } from '../read-lines.ts';
import { lineBytesMax, readTrackLine } from '../track/line.ts';
import { makeKey } from '../track/make-key.ts';
import type { ValidateLocally } from './decide-locally.ts';

/** The limit of a line, or of a file with one JSON text. NDJSON files may be longer. */
const textBytesMax = 64 * 1024 * 1024;

/** `line` counts from 1. It is 0 if the file is not one event per line. */
export type AddVerdict = (verdict: Verdict, line: number) => void;

/**
 * Validates a file: one event per line if the first line is an event, else one JSON text. Lines are
 * also read as `headgate track` reads them, and rejected if it would not send them. `makesKeys`: an event
 * on a line without a key gets the one that `track --make-keys` gives it. Calls `add` for each event, in order. Throws a StartError if the file cannot be read as events.
 */
export async function validateFile(
  input: AsyncIterable<Buffer>,
  validate: ValidateLocally,
  add: AddVerdict,
  makesKeys = false,
): Promise<void> {
  const addLines = (lines: Line[]): void => {
    for (const line of lines) add(validateLine(line, validate, makesKeys), line.number);
  };
  const text: Line[] = [];
  let bytes = 0;
  let isNdjson: boolean | undefined;
  for await (const lines of readLines(input, textBytesMax)) {
    if (lines.length === 0) continue;
    isNdjson ??= isEvent(lines[0]!);
    if (isNdjson) addLines(lines);
    else {
      text.push(...lines);
      bytes = lines.reduce((sum, line) => sum + line.bytes.length, bytes);
      if (bytes > textBytesMax) throw tooLong();
    }
  }
  if (isNdjson === undefined) throw new StartError('There is no event in it.');
  if (isNdjson) return;
  try {
    validateText(text, validate, add);
  } catch (error) {
    // Otherwise the file is not one text, and only its first line is not an event.
    if (text.length === 1 || !text.some(isEvent)) throw error;
    addLines(text);
  }
}

function isEvent({ bytes }: Line): boolean {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return (
      typeof value === 'object' && value !== null && !Array.isArray(value) && !('events' in value)
    );
  } catch {
    return false;
  }
}

function validateLine(line: Line, validate: ValidateLocally, makesKeys: boolean): Verdict {
  const { number, bytes } = line;
  const isTooLong = line.isTooLong || bytes.length > lineBytesMax;
  const read = readTrackLine({ ...line, isTooLong }, makesKeys);
  const batch = decodeNdjson(bytes, 1);
  const [event] = batch.events;
  const isKeyMissing = makesKeys && event!.idempotencyKey === '' && event!.fault === undefined;
  const whole = isKeyMissing ? { ...event!, idempotencyKey: makeKey(number, bytes) } : event!;
  const verdict = validate({ ...batch, events: [whole] })[0]!;
  const mayBeSent = 'message' in read;
  if (mayBeSent || (verdict.error !== undefined && !isTooLong)) return verdict;
  return { ...verdict, status: 'rejected', error: read.error, warnings: [] };
}

function validateText(lines: Line[], validate: ValidateLocally, add: AddVerdict): void {
  if (lines.some((line) => line.isTooLong)) throw tooLong();
  let batch: IncomingBatch;
  try {
    batch = decodeText(Buffer.concat(lines.flatMap(({ bytes }) => [bytes, newline])));
  } catch (cause) {
    if (!(cause instanceof ServiceError)) throw cause;
    throw new StartError(cause.message.replace('The body', 'The file'), { cause });
  }
  for (const verdict of validate(batch)) add(verdict, 0);
}

const newline = Buffer.from('\n');

function decodeText(text: Buffer): IncomingBatch {
  const isList = text.toString('utf8', 0, 1) === '[';
  const body = isList ? Buffer.concat([Buffer.from('{"events":'), text, Buffer.from('}')]) : text;
  if (isBatchJson(body)) return decodeBatchJson(body, 'rest', Infinity);
  return { events: [decodeTrackRest(body)], context: undefined, sentAt: '', validateOnly: true };
}

function tooLong(): StartError {
  return new StartError(
    `There is more than ${textBytesMax} bytes in one JSON text. Write one event a line instead.`,
  );
}
