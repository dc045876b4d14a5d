import type { Log } from '../../src/jetstream/log.ts';
import {
  createPressureRelief,
  type HeldEvents,
  type PressureOptions,
  type Stuck,
} from '../../src/jetstream/consume/retention/pressure.ts';

export const mebibyte = 1024 * 1024;
export const kilobyte = `{"text":"${'x'.repeat(1_000)}"}`;

/** What makes room in EVENTS for the destination crm, with everything that it reports. */
export function reliefOf(log: Log, options: Partial<PressureOptions> = {}) {
  const held: HeldEvents[] = [];
  const stuck: Stuck[] = [];
  const reached: number[] = [];
  const troubles: unknown[] = [];
  const relief = createPressureRelief({
    log,
    retentionMinMs: 100,
    destinations: ['crm'],
    onHeld: (one) => held.push(one),
    onStuck: (one) => stuck.push(one),
    onRetentionReached: (ageMs) => reached.push(ageMs),
    onTrouble: (error) => troubles.push(error),
    ...options,
  });
  return { relief, held, stuck, reached, troubles };
}
