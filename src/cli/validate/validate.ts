import { createReadStream, fstatSync, openSync } from 'node:fs';

import { Command } from 'commander';

import { errorHelp, ServiceError, StartError } from '../../errors.ts';
import type { EventError, EventWarning, Verdict } from '../../event/verdict.ts';
import type { Violation } from '../../event/violation.ts';
import {
  decodeBatchJson,
  decodeNdjson,
  decodeTrackRest,
  isBatchJson,
} from '../../gate/decode/decode-json.ts';
import type { IncomingBatch } from '../../gate/decode/incoming-batch.ts';
import { openValidate, type ValidateLocally } from './decide-locally.ts';
import { readLines, type Line } from '../read-lines.ts';

interface ValidateOptions {
  readonly schemas: string;
  readonly json?: true;
}

/** A line, or a whole text that is one JSON. What is longer goes as NDJSON, which is read in parts. */
const textBytesMax = 64 * 1024 * 1024;
/** Events whose verdicts are shown; the sum counts all. */
const shownMax = 1000;

/** `headgate validate`: validates the events of a file by local schemas. */
export function validateCommand(): Command {
  const command = new Command('validate')
    .description('validate events by local schemas, as the gate would; sends and stores nothing')
    .argument(
      '<file>',
      'one event, a list, {"events": [...]}, or one event a line; - is standard input',
    )
    .option('--schemas <dir>', 'the folder with taxonomy.yaml', './schemas')
    .option('--json', 'print JSON for programs')
    .addHelpText(
      'after',
      `
Exit code: 0 when every event would be stored, 1 when one would be rejected.

Example:
  $ headgate validate events.ndjson --schemas ./schemas`,
    );
  return command.action(async (file: string, { schemas, json }: ValidateOptions) => {
    const validate = await openValidate(schemas);
    const report = createReport();
    await validateFile(openInput(file), validate, report.add);
    console.log(json === true ? JSON.stringify(report.sum(), null, 2) : textOf(report.sum()));
    if (report.sum().rejected > 0) process.exitCode = 1;
  });
}

function openInput(file: string): AsyncIterable<Buffer> {
  if (file === '-') return process.stdin;
  try {
    const fd = openSync(file, 'r');
    if (fstatSync(fd).isDirectory())
      throw new StartError(`${file} is a folder. Name a file, or -.`);
    return createReadStream(file, { fd });
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new StartError(`${file} cannot be read: ${why}.`, { cause });
  }
}

/** `line` is 0 where events do not stand on lines of their own. */
type AddVerdict = (verdict: Verdict, line: number) => void;

/** One event a line, where the first line is an event by itself; else one JSON text. */
async function validateFile(
  input: AsyncIterable<Buffer>,
  validate: ValidateLocally,
  add: AddVerdict,
): Promise<void> {
  const text: Line[] = [];
  let bytes = 0;
  let isNdjson: boolean | undefined;
  for await (const lines of readLines(input, textBytesMax)) {
    if (lines.length === 0) continue;
    isNdjson ??= isEvent(lines[0]!);
    if (isNdjson) await validateLines(lines, validate, add);
    else {
      text.push(...lines);
      bytes = lines.reduce((sum, line) => sum + line.bytes.length, bytes);
      if (bytes > textBytesMax) throw tooLong();
    }
  }
  if (isNdjson === undefined) throw new StartError('There is no event in it.');
  if (!isNdjson) await validateText(text, validate, add);
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

async function validateLines(
  lines: Line[],
  validate: ValidateLocally,
  add: AddVerdict,
): Promise<void> {
  for (const { number, bytes, isTooLong } of lines) {
    if (isTooLong) throw tooLong();
    const [verdict] = await validate(decodeNdjson(bytes, 1));
    add(verdict!, number);
  }
}

async function validateText(
  lines: Line[],
  validate: ValidateLocally,
  add: AddVerdict,
): Promise<void> {
  if (lines.some((line) => line.isTooLong)) throw tooLong();
  let batch: IncomingBatch;
  try {
    batch = decodeText(Buffer.concat(lines.flatMap(({ bytes }) => [bytes, newline])));
  } catch (cause) {
    if (!(cause instanceof ServiceError)) throw cause;
    throw new StartError(cause.message.replace('The body', 'The file'), { cause });
  }
  for (const verdict of await validate(batch)) add(verdict, 0);
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

interface Shown {
  /** From 0, over the whole input. */
  readonly index: number;
  readonly line?: number;
  readonly status: Verdict['status'];
  readonly schema_version: number;
  readonly error?: EventError & { readonly help: string };
  readonly warnings: readonly EventWarning[];
}

interface Sum {
  readonly events: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly with_warnings: number;
  /** Those that were rejected or have warnings, at most `shownMax`. */
  readonly results: readonly Shown[];
  readonly results_left_out: number;
}

function createReport(): { readonly add: AddVerdict; readonly sum: () => Sum } {
  const results: Shown[] = [];
  let [events, rejected, warned, leftOut] = [0, 0, 0, 0];
  const add: AddVerdict = ({ status, error, warnings, schemaVersion }, line) => {
    const index = events;
    events += 1;
    if (error !== undefined) rejected += 1;
    if (warnings.length > 0) warned += 1;
    if (error === undefined && warnings.length === 0) return;
    if (results.length >= shownMax) leftOut += 1;
    else {
      results.push({
        index,
        ...(line === 0 ? {} : { line }),
        status,
        schema_version: schemaVersion,
        ...(error === undefined ? {} : { error: { ...error, help: errorHelp(error.code) } }),
        warnings,
      });
    }
  };
  const sum = (): Sum => ({
    events,
    accepted: events - rejected,
    rejected,
    with_warnings: warned,
    results,
    results_left_out: leftOut,
  });
  return { add, sum };
}

function textOf(sum: Sum): string {
  const lines = sum.results.flatMap(({ index, line, error, warnings }) => {
    const place = line === undefined ? `event ${index}` : `line ${line}`;
    return [
      ...(error === undefined ? [] : findingText(`${place}: rejected`, error, error.help)),
      ...warnings.flatMap((warning) => findingText(`${place}: warning`, warning, '')),
    ];
  });
  if (sum.results_left_out > 0) lines.push(`... and ${sum.results_left_out} more`);
  const count = sum.events === 1 ? '1 event' : `${sum.events} events`;
  lines.push(
    `${count}: ${sum.accepted} would be stored, ${sum.with_warnings} with a warning, ` +
      `${sum.rejected} rejected`,
  );
  return lines.join('\n');
}

function findingText(place: string, finding: EventError | EventWarning, help: string): string[] {
  return [
    `${place}, ${finding.code}: ${finding.message}`,
    ...finding.violations.map((violation) => `  ${violationText(violation)}`),
    ...(help === '' ? [] : [`  ${help}`]),
  ];
}

function violationText({ path, message, description }: Violation): string {
  return `${path === '' ? '/' : path} ${message}${description === undefined ? '' : ` (${description})`}`;
}
