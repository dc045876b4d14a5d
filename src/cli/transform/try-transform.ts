import type { DestinationConfig } from '../../config/config.ts';
import { compileFieldRules } from '../../delivery/receive/field-rules.ts';
import type { PreviewedRequest, RequestPreview } from '../../destinations/destination.ts';
import { destinationTypeOf } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';
import { compileEventFilter } from '../../event/event-filter.ts';
import { escapePointer } from '../../event/json/json-pointer.ts';
import type { JsonObject, JsonValue } from '../../event/json/json.ts';
import { decodeStoredEvent } from '../../event/stored-event.ts';
import type { Log } from '../../jetstream/log.ts';
import { findRanges, readInOrder } from '../../jetstream/read/read-ranges.ts';
import { anyName, subjects } from '../../jetstream/topology.ts';
import { readableForm } from '../../transform/event-form.ts';
import { openTransform } from '../../transform/open-transform.ts';
import type { Transformer } from '../../transform/transformer.ts';
import type { TransformResult } from '../../transform/transform-event.ts';
import type { CommandContext } from '../command-context.ts';
import { findDestination, readGateConfig } from '../command-settings.ts';
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
  const config = readGateConfig(context.env, flags.config);
  const destination = findDestination(config, flags.destination);
  const log = await openRunningLog(config);
  const { name, type, settings } = destination;
  let transformer: Transformer | undefined;
  let preview: RequestPreview | undefined;
  try {
    transformer = await openTransform(destination);
    preview = await destinationTypeOf(type).preview?.(name, settings);
    if (transformer === undefined && preview === undefined) {
      throw new StartError(`destinations.${name}.transform is not set: there is nothing to try.`);
    }
    await tryEach(log, destination, { transformer, preview }, flags);
  } finally {
    await transformer?.close();
    await preview?.close();
    await log.close();
  }
}

/** At least one of the two. */
interface Tried {
  /** Undefined if no transform is set: each event stays as it is. */
  readonly transformer: Transformer | undefined;
  /** Undefined for a destination that says itself what it sends. */
  readonly preview: RequestPreview | undefined;
}

async function tryEach(
  log: Log,
  destination: DestinationConfig,
  { transformer, preview }: Tried,
  flags: TryFlags,
): Promise<void> {
  const counts = { changed: 0, unchanged: 0, filtered: 0, failed: 0 };
  let withoutRequest = 0;
  let batch: Uint8Array[] = [];
  const flush = async (): Promise<void> => {
    const results =
      (await transformer?.run(batch)) ?? batch.map((): TransformResult => ({ kind: 'unchanged' }));
    for (const [index, result] of results.entries()) {
      const payload = batch[index]!;
      const request = await requestOf(preview, payload, result);
      counts[result.kind] += 1;
      if (request !== undefined && 'fault' in request) withoutRequest += 1;
      print(flags.json ? jsonLine(payload, result, request) : shown(payload, result, request));
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
  if (withoutRequest > 0) {
    process.stderr.write(`${withoutRequest} make no request, and would become dead letters\n`);
  }
  if (failed + withoutRequest > 0) process.exitCode = 1;
}

/** The request of what the transform has made. Undefined if nothing is sent. */
async function requestOf(
  preview: RequestPreview | undefined,
  payload: Uint8Array,
  result: TransformResult,
): Promise<PreviewedRequest | undefined> {
  if (result.kind === 'filtered' || result.kind === 'failed') return undefined;
  const sent = result.kind === 'changed' ? result.payload : payload;
  const event = () => decodeStoredEvent(sent);
  return preview?.of({ sequence: 0, attempt: 1, payload: sent, event });
}

/** The events as the transform gets them: those that the destination wants, after `fields`. */
async function* readEvents(
  log: Log,
  destination: DestinationConfig,
  { since, limit = limitDefault }: TryFlags,
): AsyncGenerator<Uint8Array> {
  const isWanted = compileEventFilter(destination);
  const map = destination.fields && compileFieldRules(destination.fields);
  const sinceMs = since ?? Date.now() - sinceDefaultMs;
  const ranges = await findRanges(log, 'EVENTS', { sinceMs });
  let count = 0;
  const all = [subjects.eventsOf('*', anyName)];
  for await (const message of readInOrder(log, 'EVENTS', all, ranges)) {
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

function jsonLine(
  payload: Uint8Array,
  result: TransformResult,
  request: PreviewedRequest | undefined,
): string {
  const before = formOf(payload);
  return JSON.stringify({
    result: result.kind,
    before,
    ...(result.kind === 'changed' ? { after: formOf(result.payload) } : {}),
    ...(result.kind === 'failed' ? { reason: result.reason } : {}),
    ...(request !== undefined && { request }),
  });
}

/** A line for the event, one for each value that is another one, and those of its request. */
function shown(
  payload: Uint8Array,
  result: TransformResult,
  request: PreviewedRequest | undefined,
): string {
  const before = formOf(payload);
  const name = oneLine(`${String(before['event_name'])} ${String(before['event_id'])}`);
  if (result.kind === 'failed') return `${name}: failed: ${oneLine(result.reason)}`;
  const lines = [`${name}: ${result.kind}`, ...changesOf(before, result), ...linesOf(request)];
  return lines.map((line, index) => (index === 0 ? line : `  ${oneLine(line)}`)).join('\n');
}

function linesOf(request: PreviewedRequest | undefined): string[] {
  if (request === undefined) return [];
  if ('fault' in request) return [`no request: ${request.fault}`];
  return [`> ${request.method} ${request.url}`, ...request.body.split('\n').filter(Boolean)];
}

function changesOf(before: JsonObject, result: TransformResult): string[] {
  if (result.kind !== 'changed') return [];
  const [from, to] = [leavesOf(before), leavesOf(formOf(result.payload))];
  const lines: string[] = [];
  for (const [path, value] of from) if (to.get(path) !== value) lines.push(`- ${path} ${value}`);
  for (const [path, value] of to) if (from.get(path) !== value) lines.push(`+ ${path} ${value}`);
  return lines;
}

/** Each value by its JSON Pointer. */
function leavesOf(value: JsonValue, at = '', leaves = new Map<string, string>()) {
  const isEmpty = typeof value !== 'object' || value === null || Object.keys(value).length === 0;
  if (isEmpty) return leaves.set(at, JSON.stringify(value));
  for (const [name, member] of Object.entries(value)) {
    leavesOf(member as JsonValue, `${at}/${escapePointer(name)}`, leaves);
  }
  return leaves;
}
