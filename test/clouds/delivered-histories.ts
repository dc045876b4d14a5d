import * as fc from 'fast-check';
import { expect } from 'vitest';

import type { TableDialect } from '../../src/destinations/tables/dialect.ts';
import { planTable, type TablePlan } from '../../src/destinations/tables/plan-table.ts';
import type { EventContract } from '../../src/event/contracts/event-contract.ts';
import { generatedHistory, stepsOf, type GeneratedEvent } from '../tables/generated-events.ts';

/** A warehouse with typed tables, and a worker's destination for it. */
export interface HistoryWarehouse {
  readonly dialect: TableDialect;
  /** The contract that is in force from now on. */
  readonly use: (contract: EventContract) => void;
  readonly deliver: (...payloads: string[]) => Promise<unknown[]>;
  readonly checkRows: (plan: TablePlan, sent: ReadonlyMap<string, GeneratedEvent>) => Promise<void>;
}

/**
 * Expects that generated events read back as they were sent, each once, after every change of their contract: all
 * of them are delivered under each version, the first of each batch twice, and once more at the end. Resolves to the number of contracts.
 */
export async function readBackHistories(
  { dialect, use, deliver, checkRows }: HistoryWarehouse,
  numRuns: number,
): Promise<number> {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(generatedHistory, async (history) => {
      run += 1;
      const sent = new Map<string, GeneratedEvent>();
      const all: string[] = [];
      let last: EventContract | undefined;
      for (const { contract, payloads } of stepsOf(`history${run}_viewed`, history, sent)) {
        use(contract);
        last = contract;
        all.push(...payloads);
        const outcomes = await deliver(...payloads, payloads[0]!);
        expect(new Set(outcomes)).toEqual(new Set(['delivered']));
      }
      await deliver(...all);
      await checkRows(planTable(last!, { dialect }), sent);
    }),
    { numRuns, endOnFailure: true },
  );
  return run;
}
