import { readFileSync } from 'node:fs';

import type { DestinationConfig } from '../../config/config.ts';
import { readConfig } from '../../config/read-config.ts';
import { compileFieldRules } from '../../delivery/receive/field-rules.ts';
import { destinationTypes } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';
import { compileEventFilter } from '../../event/event-filter.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import type { Log } from '../../jetstream/log.ts';
import { readMatching, sequenceSince } from '../../jetstream/read/read.ts';
import { anyName, subjects } from '../../jetstream/topology.ts';
import { readableForm } from '../../transform/event-form.ts';
import { openTransform } from '../../transform/open-transform.ts';
import type { Transformer } from '../../transform/transformer.ts';
import type { TransformResult } from '../../transform/transform-event.ts';
import type { CommandContext } from '../command-context.ts';
import { openRunningLog } from '../running-log.ts';
import { oneLine, print } from '../terminal/print.ts';

export interface TryFlags {
  readonly destination: string;
  readonly config?: string;
  /** A Unix time in ms. */
  readonly since?: number;
  readonly limit?: number;
  readonly json?: true;
}

const sinceDefaultMs = 86_400_000;
const limitDefault = 100;
/** The events of one call of the transform: some are shown before the rest is done. */
const batchMax = 100;

/** Prints events before and after the transform. Throws a StartError. */
export async function tryTransform(context: CommandContext, flags: TryFlags): Promise<void> {
  const { destinations, ...config } = readConfig({
    env: context.env,
    configFile: flags.config,
    readFile: (file) => readFileSync(file, 'utf8'),
    destinationTypes,
  });
  const destination = destinations.find(({ name }) => name === flags.destination);
  if (destination === undefined) {
    const names = destinations.map(({ name }) => name).join(', ') || 'it has none';
    throw new StartError(
      `${flags.destination} is not a destination of the configuration: ${names}.`,
    );
  }
  const log = await openRunningLog({ ...config, destinations });
  let transformer: Transformer | undefined;
  try {
    transformer = await openTransform(destination);
    if (transformer === undefined) {
      const setting = `destinations.${destination.name}.transform`;
      throw new StartError(`${setting} is not set: there is nothing to try.`);
    }
    await tryEach(log, destination, transformer, flags);
  } finally {
    await transformer?.close();
    await log.close();
  }
}

async function tryEach(
  log: Log,
  destination: DestinationConfig,
  transformer: Transformer,
  flags: TryFlags,
): Promise<void> {
  const counts = { changed: 0, unchanged: 0, filtered: 0, failed: 0 };
  let batch: Uint8Array[] = [];
  const flush = async (): Promise<void> => {
    const results = await transformer.run(batch);
    for (const [index, result] of results.entries()) {
      counts[result.kind] += 1;
      print(flags.json ? jsonLine(batch[index]!, result) : shown(batch[index]!, result));
    }
    batch = [];
  };
  for await (const payload of readEvents(log, destination, flags)) {
    batch.push(payload);
    if (batch.length === batchMax) await flush();
  }
  await flush();
  const { changed, unchanged, filtered, failed } = counts;
  const all = changed + unchanged + filtered + failed;
  process.stderr.write(
    `${all} events: ${changed} changed, ${unchanged} unchanged, ${filtered} filtered, ${failed} failed\n`,
  );
  if (failed > 0) process.exitCode = 1;
}

/** The events as the transform gets them: those that the destination wants, after `fields`. */
async function* readEvents(
  log: Log,
  destination: DestinationConfig,
  { since, limit = limitDefault }: TryFlags,
): AsyncGenerator<Uint8Array> {
  const isWanted = compileEventFilter(destination);
  const map = destination.fields && compileFieldRules(destination.fields);
  const from = await sequenceSince(log, 'EVENTS', since ?? Date.now() - sinceDefaultMs);
  if (from === undefined) return;
  let count = 0;
  for await (const message of readMatching(log, 'EVENTS', subjects.eventsOf('*', anyName), from)) {
    if (!isWanted(message.subject)) continue;
    yield map === undefined ? message.payload : map(message.payload);
    count += 1;
    if (count >= limit) return;
  }
}

const decoder = new TextDecoder();

function formOf(payload: Uint8Array): JsonObject {
  try {
    return readableForm(JSON.parse(decoder.decode(payload)) as JsonObject);
  } catch {
    // The result says that it is no event.
    return {};
  }
}

function jsonLine(payload: Uint8Array, result: TransformResult): string {
  const before = formOf(payload);
  return JSON.stringify({
    result: result.kind,
    before,
    ...(result.kind === 'changed' ? { after: formOf(result.payload) } : {}),
    ...(result.kind === 'failed' ? { reason: result.reason } : {}),
  });
}

/** A line for the event, and one for each value that is another one. */
function shown(payload: Uint8Array, result: TransformResult): string {
  const before = formOf(payload);
  const name = oneLine(`${String(before['event_name'])} ${String(before['event_id'])}`);
  if (result.kind === 'failed') return `${name}: failed: ${oneLine(result.reason)}`;
  if (result.kind !== 'changed') return `${name}: ${result.kind}`;
  const [from, to] = [leavesOf(before), leavesOf(formOf(result.payload))];
  const lines = [`${name}: changed`];
  for (const [path, value] of from) if (to.get(path) !== value) lines.push(`- ${path} ${value}`);
  for (const [path, value] of to) if (from.get(path) !== value) lines.push(`+ ${path} ${value}`);
  return lines.map((line, index) => (index === 0 ? line : `  ${oneLine(line)}`)).join('\n');
}

/** Each value by its JSON Pointer. */
function leavesOf(value: JsonValue, at = '', leaves = new Map<string, string>()) {
  const isEmpty = typeof value !== 'object' || value === null || Object.keys(value).length === 0;
  if (isEmpty) return leaves.set(at, JSON.stringify(value));
  for (const [name, member] of Object.entries(value)) {
    leavesOf(
      member as JsonValue,
      `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      leaves,
    );
  }
  return leaves;
}
