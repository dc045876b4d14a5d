import { Command, InvalidArgumentError, Option } from 'commander';

import { parseDuration } from '../../config/units.ts';
import type { CommandContext } from '../command-context.ts';
import { configOption } from '../shared-options.ts';
import { connectGate, trackProtocols, type TrackProtocol } from '../gate-client.ts';
import { readCountUpTo } from '../terminal/option-values.ts';
import { runTrack } from './run-track.ts';
import { openSource, sourceOfFlags, type EventFlags, type TrackSource } from './source.ts';
import { summaryJson, summaryText } from './summary.ts';

interface TrackOptions extends EventFlags {
  readonly config?: string;
  readonly url?: string;
  readonly key?: string;
  readonly protocol: TrackProtocol;
  readonly makeKeys?: true;
  readonly validateOnly?: true;
  readonly historical?: true;
  readonly inFlight: number;
  readonly retryFor: number;
  readonly rejected?: string;
  readonly json?: true;
}

const inFlightMax = 64;

/** `headgate track`: sends one event, or every line of a file, and reports the result of each. */
export function trackCommand({ env }: CommandContext): Command {
  const track = new Command('track')
    .description(
      'send events: one by flags, or a file (- for standard input) with one JSON object per line',
    )
    .argument('[file]', 'NDJSON, each line as POST /v1/track takes it; - is standard input')
    .optionsGroup('One event:')
    .option('--event <name>', 'its name, e.g. order_completed')
    .option('--user <id>', 'who did it')
    .option('--anonymous <id>', 'who did it, while the user is unknown')
    .option('--property <name=value>', 'JSON, else text; may be repeated', gather)
    .option('--properties <json>', 'the properties as a JSON object')
    .option('--idempotency-key <uuid>', 'made once for the event, the same on every retry')
    .option('--schema-version <number>', 'default: the active one')
    .option('--occurred-at <time>', 'e.g. 2026-03-01T12:00:00.000Z')
    .optionsGroup('Where to:')
    .option('--url <url>', 'the gate (default: HEADGATE_URL, or listen)')
    .addOption(configOption())
    .option('--key <key>', 'the write key (default: HEADGATE_WRITE_KEY, which ps does not show)')
    .addOption(
      new Option('--protocol <name>', 'how to speak').choices(trackProtocols).default('grpc'),
    )
    .optionsGroup('How:')
    .option('--make-keys', 'derive a missing key from the number and content of the line')
    .option('--validate-only', 'validate everything and store nothing')
    .option('--historical', 'an import: occurred_at may be any time in the past')
    .addOption(
      new Option('--retry-for <time>', 'how long to try again when nothing gets through')
        .argParser(readTime)
        .default(30_000, '30s'),
    )
    .option(
      '--in-flight <count>',
      'batches under way; 1 sends one after the other',
      readCountUpTo(inFlightMax),
      4,
    )
    .option(
      '--rejected <file>',
      'write events that were not accepted there, with the reasons, as NDJSON',
    )
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', help);
  return track.action((file: string | undefined, options: TrackOptions) =>
    send(track, env, file, options),
  );
}

const help = `
Exit code: 0 when every event is stored, 1 when one was rejected or given up, 2 when the command
was not understood. What is sent again is a duplicate, and never counted twice.

Examples:
  $ headgate track --event order_completed --user u-1 --property total=49.9 \\
      --property order_id=A-1001 --property currency=EUR --idempotency-key $(uuidgen)
  $ headgate track orders.ndjson --make-keys --rejected rejected.ndjson`;

async function send(
  track: Command,
  env: CommandContext['env'],
  file: string | undefined,
  options: TrackOptions,
): Promise<void> {
  const source = sourceOf(track, file, options);
  using client = connectGate(options, env);
  const { ledger, end } = await runTrack(client, source, {
    makesKeys: options.makeKeys ?? false,
    validateOnly: options.validateOnly ?? false,
    historical: options.historical ?? false,
    retryForMs: options.retryFor,
    inFlightMax: options.inFlight,
    rejectedFile: options.rejected,
    isSingle: file === undefined,
  });
  for (const fault of ledger.firstFaults) process.stderr.write(`${fault}\n`);
  const { rejected, givenUp } = ledger.counts;
  const unlisted = rejected - ledger.firstFaults.length;
  if (unlisted > 0) {
    const where = options.rejected ?? 'the file of --rejected, if you name one';
    process.stderr.write(`... and ${unlisted} more rejected; all are in ${where}\n`);
  }
  if (end.stopped !== undefined) {
    const rest = file === undefined ? '' : ` Stopped at event ${ledger.counts.lines}. ${sendAgain}`;
    process.stderr.write(`headgate: ${end.stopped}.${rest}\n`);
  }
  process.stdout.write((options.json ? summaryJson : summaryText)(ledger, end));
  if (rejected + givenUp > 0 || end.stopped !== undefined) process.exitCode = 1;
}

const sendAgain = 'Send the same file again: what is stored is known by its keys.';

function sourceOf(track: Command, file: string | undefined, options: TrackOptions): TrackSource {
  const flag = firstFlag(options);
  if (file !== undefined) {
    if (flag !== undefined) {
      track.error(`error: ${flag} describes one event, and a file has its own`);
    }
    return openSource(file, process.stdin, options.rejected);
  }
  if (options.event === undefined) {
    track.error('error: name what to send: --event NAME, a file, or - for standard input');
  }
  if (options.idempotencyKey === undefined && options.makeKeys === undefined) {
    track.error(
      'error: the event needs --idempotency-key UUID: one made for it, and the same when you ' +
        'send it again. (--make-keys derives it from the content: ' +
        'the same command is the same event.)',
    );
  }
  try {
    return sourceOfFlags(options);
  } catch (error) {
    if (error instanceof RangeError) track.error(`error: ${error.message}`);
    throw error;
  }
}

/** The first given flag that describes an event. */
function firstFlag(options: TrackOptions): string | undefined {
  const flags: Readonly<Record<keyof EventFlags, string>> = {
    event: '--event',
    user: '--user',
    anonymous: '--anonymous',
    property: '--property',
    properties: '--properties',
    idempotencyKey: '--idempotency-key',
    schemaVersion: '--schema-version',
    occurredAt: '--occurred-at',
  };
  const names = Object.keys(flags) as (keyof EventFlags)[];
  const given = names.find((name) => options[name] !== undefined);
  return given === undefined ? undefined : flags[given];
}

function gather(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function readTime(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('Write a time such as 30s or 5m; 0s tries once.');
}
