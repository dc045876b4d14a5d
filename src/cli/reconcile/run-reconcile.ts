import { existsSync } from 'node:fs';
import path from 'node:path';

import type { AuditedDestination } from '../../reconciliation/audit.ts';
import { reconcile } from '../../reconciliation/reconcile.ts';
import type { DestinationConfig } from '../../config/config.ts';
import type { Destination, DestinationType } from '../../destinations/destination.ts';
import { destinationTypeOf } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';
import { listConsumingDestinations } from '../../jetstream/consume/destination-consumer.ts';
import type { CommandContext } from '../command-context.ts';
import { readGateConfig } from '../command-settings.ts';
import { isBalanced, noteLines, reportJson, printRows, type Strays } from './report.ts';
import { openRunningLog } from '../running-log.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';

const sinceDefaultMs = 86_400_000;
/** `toLocaleString` would make one for each number. */
const numbers = new Intl.NumberFormat('en');

export interface ReconcileFlags {
  readonly config?: string;
  /** A Unix time in ms. */
  readonly since?: number;
  readonly json?: true;
}

/** Compares the log with every destination and prints the counts. Throws a StartError. */
export async function runReconcile(context: CommandContext, flags: ReconcileFlags): Promise<void> {
  const config = readGateConfig(context.env, flags.config);
  const sinceMs = flags.since ?? Date.now() - sinceDefaultMs;
  const log = await openRunningLog(config);
  const opened: Destination[] = [];
  const progress = createWalkProgressBar(process.stderr);
  try {
    const destinations: AuditedDestination[] = [];
    for (const destination of config.destinations) {
      destinations.push(await openDestination(destination, opened));
    }
    const report = await reconcile({
      log,
      destinations,
      sinceMs,
      onProgress: ({ reached, from, upTo, isWaiting }) => {
        const walk = { from: BigInt(from), upTo: BigInt(upTo), reached: BigInt(reached) };
        const pace = isWaiting ? ', slowly, because producers send events' : '';
        progress.reached(walk, `${numbers.format(reached - from + 1)} events${pace}`);
      },
    });
    const strays = straysOf(config.destinations, await listConsumingDestinations(log));
    progress.stop();
    if (flags.json) process.stdout.write(reportJson(report, strays));
    else {
      printRows(report);
      process.stderr.write(noteLines(report, strays));
    }
    if (!isBalanced(report, strays)) process.exitCode = 1;
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const reason = (cause as Error).message;
    throw new StartError(`The log could not be read: ${reason}. Try again.`, { cause });
  } finally {
    progress.stop();
    await Promise.allSettled(opened.map((destination) => destination.close()));
    await log.close();
  }
}

/** The log has a consumer for each destination that a worker ever delivered to. */
function straysOf(
  configured: readonly { readonly name: string }[],
  places: readonly string[],
): Strays {
  const known = new Set(configured.map(({ name }) => name));
  return {
    unasked: places.filter((name) => !known.has(name)),
    placeless: [...known].filter((name) => !places.includes(name)),
  };
}

/** A destination that cannot be opened is reported; the others are still counted. */
async function openDestination(
  config: DestinationConfig,
  opened: Destination[],
): Promise<AuditedDestination> {
  const { name, type, settings } = config;
  const audited = { name, type, filter: config, stored: undefined };
  try {
    const found = destinationTypeOf(type);
    const fault = missingStoreOf(found, config);
    if (fault !== undefined) return { ...audited, fault };
    const destination = await found.create(name, settings);
    opened.push(destination);
    return { ...audited, stored: destination.stored?.bind(destination) };
  } catch (error) {
    if (error instanceof StartError) return { ...audited, fault: error.message };
    throw error;
  }
}

/**
 * Why a destination on this disk has no events here; undefined if it may have. Its worker made the file or folder, so that
 * an empty one that is made here would only hide a wrong path.
 */
function missingStoreOf(
  { settings }: DestinationType,
  { name, settings: values }: DestinationConfig,
): string | undefined {
  const file = values['path'];
  if (settings['path']?.isMade !== true || typeof file !== 'string') return undefined;
  const place = path.resolve(file);
  if (existsSync(place)) return undefined;
  const why = `There is no ${place}, where destinations.${name}.path is`;
  if (path.isAbsolute(file)) return `${why}. Run this on the machine of its worker.`;
  return `${why} from this folder. Run this in the folder of the gate, or make the path absolute.`;
}
