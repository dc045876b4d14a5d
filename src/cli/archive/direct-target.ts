import { setTimeout as sleep } from 'node:timers/promises';

import type { Config, DestinationConfig } from '../../config/config.ts';
import { compileFieldRules } from '../../delivery/receive/field-rules.ts';
import { retryDelayMs } from '../../delivery/retry-policy.ts';
import type { Delivery, Destination, Outcome } from '../../destinations/destination.ts';
import { destinationTypeOf } from '../../destinations/registry.ts';
import { StartError } from '../../errors.ts';
import type { EventContract } from '../../event/contracts/event-contract.ts';
import { compileEventGlobs } from '../../event/glob.ts';
import { decodeStoredEvent } from '../../event/stored-event.ts';
import { openTransform } from '../../transform/open-transform.ts';
import type { Transformer } from '../../transform/transformer.ts';
import { eventContractsOf } from '../../validation/schema/event-contracts.ts';
import { loadContracts } from '../../validation/schema-registry.ts';
import type { ReplayTarget, TargetReport } from './replay-target.ts';
import type { SelectedEvent } from './selection.ts';

/**
 * A destination of the configuration, opened in this process beside the workers of the gate. What a worker
 * does with an event is done here as well: the destination's filters, `fields`, then its transform.
 */
export async function openDirectTarget(
  gate: Config,
  config: DestinationConfig,
  report: TargetReport,
): Promise<ReplayTarget> {
  const contracts = await contractsFor(gate, config);
  const transformer = await openTransform(config);
  const { name, type, settings, fields, events, sources } = config;
  const destination = await destinationTypeOf(type).create(name, settings, {
    contracts: () => contracts,
  });
  const reduce = fields === undefined ? undefined : compileFieldRules(fields);
  const isNamed = compileEventGlobs(events);
  const isFrom = compileEventGlobs(sources);
  return {
    eventsMax: destination.batchEventsMax * Math.min(destination.concurrency, callsMax),
    async send(selected, signal) {
      const wanted = selected.filter(
        ({ event }) => isNamed(event.eventName) && isFrom(event.source),
      );
      const payloads = wanted.map(({ payload }) => reduce?.(payload) ?? payload);
      const ready = await transformed(transformer, wanted, payloads, report);
      const sent = await deliverAll({ destination, config, report, signal }, ready.leaving);
      const filtered = selected.length - wanted.length + ready.filtered;
      return { sent, filtered, refused: selected.length - filtered - sent };
    },
    async close() {
      await transformer?.close();
      await destination.close();
    },
  };
}

/** Only tables of events need them. Those of a registry are in the log, which this command does not open. */
async function contractsFor(
  gate: Config,
  { name, settings }: DestinationConfig,
): Promise<readonly EventContract[]> {
  if ((settings['tables'] ?? 'events') === 'events') return [];
  if (gate.schemasSource === 'registry') {
    throw new StartError(
      `${name} has tables of events, and their contracts are in the registry: use --through-gate, or ` +
        'the schemas.source files.',
    );
  }
  return eventContractsOf(await loadContracts(gate));
}

const callsMax = 16;

interface Leaving {
  readonly of: SelectedEvent;
  readonly payload: Uint8Array;
}

async function transformed(
  transformer: Transformer | undefined,
  wanted: readonly SelectedEvent[],
  payloads: readonly Uint8Array[],
  report: TargetReport,
): Promise<{ leaving: Leaving[]; filtered: number }> {
  const results = await transformer?.run(payloads);
  const leaving: Leaving[] = [];
  let filtered = 0;
  for (const [index, of] of wanted.entries()) {
    const result = results?.[index] ?? { kind: 'unchanged' as const };
    if (result.kind === 'filtered') filtered += 1;
    else if (result.kind === 'failed') report.refused(result.reason, of.payload);
    else {
      leaving.push({ of, payload: result.kind === 'changed' ? result.payload : payloads[index]! });
    }
  }
  return { leaving, filtered };
}

interface Run {
  readonly destination: Destination;
  readonly config: DestinationConfig;
  readonly report: TargetReport;
  readonly signal: AbortSignal;
}

/** How many were taken. The others are reported as refused. Rejects when the signal is aborted. */
async function deliverAll(run: Run, leaving: readonly Leaving[]): Promise<number> {
  const size = run.destination.batchEventsMax;
  const batches: Leaving[][] = [];
  for (let from = 0; from < leaving.length; from += size) {
    batches.push(leaving.slice(from, from + size));
  }
  const taken = await Promise.all(batches.map((batch) => deliverBatch(run, batch)));
  return taken.reduce((sum, count) => sum + count, 0);
}

async function deliverBatch(run: Run, batch: readonly Leaving[]): Promise<number> {
  const { destination, config, report, signal } = run;
  let waiting = batch.map((one) => ({ ...one, attempt: 1 }));
  let taken = 0;
  for (let round = 1; waiting.length > 0; round += 1) {
    signal.throwIfAborted();
    const outcomes = await destination.deliver(
      waiting.map(({ payload, attempt }) => deliveryOf(payload, attempt)),
      signal,
    );
    const again: typeof waiting = [];
    let notBeforeMs = 0;
    for (const [index, one] of waiting.entries()) {
      const outcome: Outcome = outcomes[index]!;
      if (outcome.kind === 'delivered') taken += 1;
      else if (outcome.kind === 'retry' && outcome.fault !== 'event') {
        report.trouble(outcome.reason);
        notBeforeMs = Math.max(notBeforeMs, outcome.notBeforeMs ?? 0);
        again.push(one);
      } else if (outcome.kind === 'retry' && one.attempt < config.retry.attempts) {
        notBeforeMs = Math.max(notBeforeMs, outcome.notBeforeMs ?? 0);
        again.push({ ...one, attempt: one.attempt + 1 });
      } else report.refused(outcome.reason, one.of.payload);
    }
    waiting = again;
    if (waiting.length === 0) break;
    const delayMs = retryDelayMs(config.retry, round, notBeforeMs, Math.random());
    await sleep(delayMs, undefined, { signal });
  }
  return taken;
}

/** An archive does not say where in the log an event was. */
function deliveryOf(payload: Uint8Array, attempt: number): Delivery {
  return { sequence: 0, attempt, payload, event: () => decodeStoredEvent(payload) };
}
