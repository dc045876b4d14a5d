import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { Config } from '../../config/config.ts';
import {
  openFarContracts,
  type FarContractsClient,
} from '../../destinations/headgate/far-contracts.ts';
import type { ContractsForm } from '../../event/contracts/contracts-form.ts';
import type { Signals } from '../../observability/signals.ts';
import { readContracts } from '../../validation/contracts-form.ts';
import type { Enforcement } from '../../validation/modes.ts';
import type { SchemaRegistry } from '../../validation/schema-registry.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { RunningDelivery } from '../start-delivery.ts';

export interface FollowFarContractsOptions {
  readonly config: Pick<Config, 'relay' | 'destinations' | 'dataDir'>;
  /** Puts contracts in force in the whole service. */
  readonly useContracts: (contracts: SchemaRegistry, enforcement: Enforcement) => void;
  /** Undefined before it has started. */
  readonly delivery: () => Pick<RunningDelivery, 'probeSoon'> | undefined;
  readonly lifecycle: Pick<Lifecycle, 'onRelease'>;
  readonly signals: Pick<
    Signals,
    'registryChanged' | 'registryFollowed' | 'registryFault' | 'gateContractsAway' | 'warning'
  >;
}

/** How long the first start waits for contracts, if the disk has none. */
const firstWaitMs = 2_000;
const fileName = 'contracts.json';

/**
 * Follows the contracts of the gate that a relay forwards to; of any other gate, nothing. Those of the disk are in force at once; a
 * copy of each change is kept there, so that a relay validates by the last known ones while the other gate
 * is away.
 *
 * Each answer shows that the other gate is there and takes the key: then events that wait are tried at once.
 */
export async function followFarContracts(options: FollowFarContractsOptions): Promise<void> {
  const { config, signals, lifecycle } = options;
  const { relay } = config;
  if (relay === undefined) return;
  const { name, settings } = config.destinations.find((one) => one.name === relay.destination)!;
  const client = openFarContracts(name, settings);
  const stopping = new AbortController();
  const file = path.join(config.dataDir, fileName);
  const follower = createFollower(options, client, file, stopping.signal);
  const isKnown = await follower.readKept();
  if (!isKnown) await follower.ask(firstWaitMs);
  if (!follower.isInForce()) {
    const text = 'a relay without contracts: it takes any event until the other gate has answered';
    signals.warning({ destination: name }, text);
  }
  let asking: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const plan = (afterMs: number): void => {
    timer = setTimeout(() => {
      asking = follower.ask().finally(() => {
        if (!stopping.signal.aborted) plan(relay.contractsIntervalMs);
      });
    }, afterMs);
  };
  plan(isKnown ? 0 : relay.contractsIntervalMs);
  lifecycle.onRelease('contracts of the far gate', async () => {
    clearTimeout(timer);
    stopping.abort();
    client.close();
    await asking;
  });
}

function createFollower(
  { config, useContracts, signals, delivery }: FollowFarContractsOptions,
  client: FarContractsClient,
  file: string,
  stopping: AbortSignal,
) {
  /** Also of contracts of the far gate that cannot be used: they are reported once. */
  let seen = '';
  let changes = 0;
  /** Of the contracts that were seen last. */
  let badEntries = 0;
  /** They are in force, and the disk may not have them. */
  let unkept: ContractsForm | undefined;
  let isAway = false;

  /** Returns whether the contracts can be used. */
  const apply = async (form: ContractsForm): Promise<boolean> => {
    const faults: string[] = [];
    const report = (problem: string, fix: string): void => void faults.push(`${problem}. ${fix}`);
    const registry = await readContracts(form, report);
    for (const fault of faults) signals.registryFault(fault);
    badEntries = faults.length;
    if (badEntries > 0) return false;
    useContracts(registry, form.isSuspended ? 'warn' : 'on');
    changes += 1;
    signals.registryChanged(
      changes,
      registry.events.map(({ name }) => name),
    );
    return true;
  };

  /** Tries again with each question, as a full disk has room again one day. */
  const keepLast = async (): Promise<void> => {
    if (unkept === undefined) return;
    try {
      await keep(file, unkept);
      unkept = undefined;
    } catch (error) {
      signals.registryFault(`${file} cannot be written: ${(error as Error).message}`);
    }
  };

  return {
    isInForce: () => changes > 0,
    /** Returns whether the disk had contracts. */
    readKept: async (): Promise<boolean> => {
      const form = await readCopy(file, signals.registryFault);
      if (form === undefined) return false;
      try {
        if (!(await apply(form))) return false;
        seen = form.revision;
        return true;
      } catch (error) {
        // Another version of Headgate may have written it.
        signals.registryFault(`${file} cannot be used: ${(error as Error).message}`);
        return false;
      }
    },
    /** Never rejects. */
    ask: async (timeoutMs?: number): Promise<void> => {
      try {
        const form = await client.fetch(seen, timeoutMs);
        if (form !== undefined) {
          if (await apply(form)) unkept = form;
          seen = form.revision;
        }
        signals.registryFollowed(changes, badEntries);
        isAway = false;
        delivery()?.probeSoon(config.relay!.destination);
      } catch (error) {
        // One line for each outage.
        if (!isAway && !stopping.aborted) signals.gateContractsAway(error);
        isAway = true;
      }
      await keepLast();
    },
  };
}

/** Whole or not at all: a crash in between leaves the earlier file. */
async function keep(file: string, form: ContractsForm): Promise<void> {
  const next = `${file}.next`;
  const text = JSON.stringify({ checksum: checksumOf(form), ...form });
  await writeFile(next, text, { mode: 0o600, flush: true });
  await rename(next, file);
}

/** Undefined: there is no copy that can be used. */
async function readCopy(
  file: string,
  report: (text: string) => void,
): Promise<ContractsForm | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') report(`${file} cannot be read (${code}): ${copyFix}`);
    return undefined;
  }
  try {
    const { checksum, ...form } = JSON.parse(text) as ContractsForm & { readonly checksum: string };
    // A damaged copy may still be JSON, and must not pass for the revision that it names.
    if (checksum === checksumOf(form)) return form;
  } catch {
    // Reported below.
  }
  report(`${file} is damaged: ${copyFix}`);
  return undefined;
}

const copyFix = 'the far gate is asked for its contracts. Until it answers, any event is taken.';

function checksumOf(form: ContractsForm): string {
  return createHash('sha256').update(JSON.stringify(form)).digest('hex');
}
