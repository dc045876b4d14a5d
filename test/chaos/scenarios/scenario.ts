import type { World, WorldKind } from '../world.ts';

/** Ends the fault. */
export type Heal = () => Promise<void>;

/** A fault, made once a round while producers send. */
export interface Scenario {
  readonly name: string;
  readonly world: WorldKind;
  /**
   * From when on the bars hold: from the fault where the service must go on through it, and never where
   * a destination was parked for long, which is tried at most once a minute.
   */
  readonly bars: { readonly acknowledgement: From; readonly delivery: From };
  /** The log may delete what was delivered, so only the destinations hold every event. */
  readonly logMayDelete?: true;
  /** The log loses events, and `headgate_log_missing_events` must count each of them. */
  readonly mustReportMissing?: true;
  /** Bytes of text in each event. */
  readonly fillerBytes?: number;
  /** Why it cannot run on this machine. */
  readonly whyNot?: () => string | undefined;
  /**
   * Makes the fault and holds it.
   * @param holdMs - how long, where the fault has no length of its own.
   */
  strike(world: World, holdMs: number): Promise<Heal>;
}

export type From = 'fault' | 'heal' | 'never';

export const afterHeal = { acknowledgement: 'heal', delivery: 'heal' } as const;
export const throughout = { acknowledgement: 'fault', delivery: 'fault' } as const;
