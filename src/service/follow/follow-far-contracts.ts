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

export interface FollowFarContractsOptions {
  readonly config: Config;
  /** Puts contracts in force in the whole service. */
  readonly useContracts: (contracts: SchemaRegistry, enforcement: Enforcement) => void;
  readonly signals: Pick<
    Signals,
    'registryChanged' | 'registryFollowed' | 'registryFault' | 'registryAway' | 'warning'
  >;
}

/** How long the first start waits for contracts, if the disk has none. */
const firstWaitMs = 2_000;
const fileName = 'contracts.json';

/**
 * Follows the contracts of the gate that a relay forwards to; of any other gate, nothing. Those of the disk are in force at once; a
 * copy of each change is kept there, so that a relay validates by the last known ones while the other gate
 * is away. Returns the function that stops it.
 */
export async function followFarContracts(
  options: FollowFarContractsOptions,
): Promise<() => Promise<void>> {
  const { config, signals } = options;
  const { relay } = config;
  if (relay === undefined) return async () => {};
  const { name, settings } = config.destinations.find((one) => one.name === relay.destination)!;
  const client = openFarContracts(name, settings);
  const follower = createFollower(options, client, path.join(config.dataDir, fileName));
  const isKnown = await follower.readKept();
  if (!isKnown) await follower.ask(firstWaitMs);
  if (!follower.isInForce()) {
    const text = 'a relay without contracts: it takes any event until the other gate has answered';
    signals.warning({ destination: name }, text);
  }
  let isStopped = false;
  let asking: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const plan = (afterMs: number): void => {
    timer = setTimeout(() => {
      asking = follower.ask().finally(() => {
        if (!isStopped) plan(relay.contractsIntervalMs);
      });
    }, afterMs);
  };
  plan(isKnown ? 0 : relay.contractsIntervalMs);
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    client.close();
    await asking;
  };
}

function createFollower(
  { useContracts, signals }: FollowFarContractsOptions,
  client: FarContractsClient,
  file: string,
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
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch {
        return false;
      }
      try {
        const form = JSON.parse(text) as ContractsForm;
        if (!(await apply(form))) return false;
        // A damaged copy must not pass for the revision that it names: the far gate has the right one.
        seen = form.revision;
        return true;
      } catch (error) {
        signals.registryFault(`${file} cannot be read: ${(error as Error).message}`);
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
      } catch (error) {
        // One line for each outage.
        if (!isAway) signals.registryAway(error);
        isAway = true;
      }
      await keepLast();
    },
  };
}

/** Whole or not at all: a crash in between leaves the earlier file. */
async function keep(file: string, form: ContractsForm): Promise<void> {
  const next = `${file}.next`;
  await writeFile(next, JSON.stringify(form), { mode: 0o600, flush: true });
  await rename(next, file);
}
