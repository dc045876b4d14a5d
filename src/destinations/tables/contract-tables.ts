import type { EventContract } from '../../event/contracts/event-contract.ts';
import type { StoredEvent } from '../../event/stored-event.ts';
import { ageMs } from '../../event/time/steady-time.ts';
import { planTable, planUnplanned, type PlanOptions, type TablePlan } from './plan-table.ts';
import { tableNameOf } from './safe-name.ts';
import { TableFault } from './table-fault.ts';

/**
 * How long an event waits for a version of its contract that this process does not know yet: since the
 * gate received it, and since this process met the version, whichever ends first.
 */
export const contractWaitMs = 60_000;

/** The plans of the contracts in force, each made when its first event comes. */
export interface ContractTables {
  /** Replaces the contracts. Plans of contracts that stay the same objects are kept. */
  use(contracts: readonly EventContract[]): void;
  /** Undefined if the event has no contract. */
  planOf(event: string): TablePlan | undefined;
  /** For an event whose contract is gone: its table, which may exist. */
  planWithout(event: string): TablePlan;
  readonly unplanned: TablePlan;
  /**
   * Throws a TableFault if an event was validated by a version that is not known here: another gate was
   * faster. Its columns would stay empty for ever, so it waits, but not longer than `contractWaitMs`. An
   * older event does not wait: its contract is gone, and will not come.
   */
  expectVersion(event: Pick<StoredEvent, 'eventName' | 'timestamp' | 'schemaVersion'>): void;
}

/** @param nowMs a clock that never goes back. */
export function createContractTables(
  options: PlanOptions,
  nowMs: () => number = () => performance.now(),
): ContractTables {
  let contracts = new Map<string, EventContract>();
  const plans = new Map<string, { readonly of: EventContract; readonly plan: TablePlan }>();
  const waitingSince = new Map<string, number>();
  const planOf = (event: string): TablePlan | undefined => {
    const contract = contracts.get(event);
    if (contract === undefined) return undefined;
    const known = plans.get(event);
    if (known?.of === contract) return known.plan;
    const plan = planTable(contract, options);
    plans.set(event, { of: contract, plan });
    return plan;
  };
  return {
    use(next) {
      contracts = new Map(next.map((contract) => [contract.name, contract]));
      for (const name of plans.keys()) if (!contracts.has(name)) plans.delete(name);
    },
    planOf,
    planWithout: (event) => ({
      event,
      table: tableNameOf(event, options.dialect.nameBytesMax, options.prefix),
      versions: 0,
      columns: [],
      left: 0,
    }),
    unplanned: planUnplanned(options),
    expectVersion({ eventName, timestamp, schemaVersion = 0 }) {
      const known = contracts.get(eventName)?.schemas.length ?? 0;
      if (schemaVersion <= known || ageMs(Date.parse(timestamp)) >= contractWaitMs) return;
      const key = `${schemaVersion} ${eventName}`;
      if (!waitingSince.has(key) && waitingSince.size < versionsMax) waitingSince.set(key, nowMs());
      if (nowMs() - (waitingSince.get(key) ?? 0) >= contractWaitMs) return;
      throw new TableFault(
        `waiting for version ${schemaVersion} of the contract of ${JSON.stringify(eventName)}: ` +
          `this process knows ${known}. If it has contracts of its own, give it the same ones`,
      );
    },
  };
}

const versionsMax = 10_000;
