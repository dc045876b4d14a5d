import type { Arrived } from './arrived.ts';
import type { Ran } from './run-program.ts';
import type { Made, Scenario } from './scenarios.ts';
import type { Call, Sdk } from './sdks.ts';

/** What became of a call, beside what the SDK believes. */
export interface Outcome {
  readonly call: Call;
  readonly isGood: boolean;
  readonly arrived: string;
  readonly believed: string;
  /** Undefined: both agree, and it arrived once at most. */
  readonly problem: Problem | undefined;
}

export type Problem =
  /** The SDK believes it sent, and it is neither stored nor kept. */
  | 'LOST'
  | 'TWICE'
  /** The SDK believes a good event sent, and it is in the quarantine. */
  | 'REJECTED'
  /** The program ended before the SDK said what became of it. */
  | 'CRASHED'
  /** The gate does not take a call that it should. */
  | 'REFUSED'
  /** The SDK reports an error about an event that was stored, and no answer was lost. */
  | 'MISTAKEN'
  /** The SDK did not understand the answer. */
  | 'BROKE'
  | 'WRONG NAME';

/** The event that each call becomes; undefined: it asks, and sends none. */
const eventNames: Readonly<Record<Call, readonly string[] | undefined>> = {
  track: ['order_completed'],
  import: ['order_completed'],
  identify: ['user_identified'],
  page: ['page_viewed'],
  screen: ['screen_viewed'],
  group: ['group_joined', 'group_identified'],
  alias: ['user_aliased'],
  engage: ['user_identified'],
  groups: ['group_identified'],
  flags: undefined,
  decide: undefined,
};

export function outcomesOf(
  scenario: Scenario,
  made: readonly Made[],
  ran: Ran,
  arrived: readonly Arrived[],
  { sendsRejectedAgain }: Pick<Sdk, 'sendsRejectedAgain'> = { sendsRejectedAgain: false },
): Outcome[] {
  return made.map(({ call, marker, isGood }) => {
    // An id at the end of a JSON text, so that one is not found in another.
    const own = arrived.filter(({ text }) => text.includes(`${marker}"`));
    const stored = own.filter(({ code }) => code === undefined);
    const codes = own.flatMap(({ code }) => code ?? []);
    const belief = ran.beliefs.get(marker);
    return {
      call,
      isGood,
      arrived: [
        ...countsOf(stored.map(({ eventName }) => eventName)),
        ...countsOf(codes.map(named)),
      ].join(', '),
      believed: belief === undefined ? 'nothing' : `${belief.belief}: ${belief.why}`,
      problem: problem(),
    };

    function problem(): Problem | undefined {
      if (belief === undefined) return 'CRASHED';
      const names = eventNames[call];
      if (belief.belief === 'broke') return 'BROKE';
      if (names === undefined) return belief.belief === 'failed' ? 'REFUSED' : undefined;
      const isKeptAgain = sendsRejectedAgain && stored.length === 0;
      if (own.length > 1 && !isKeptAgain) return 'TWICE';
      if (stored.some(({ eventName }) => !names.includes(eventName))) return 'WRONG NAME';
      if (belief.belief === 'failed') {
        const isToBeSent = scenario.fault === 'none' && made.every((other) => other.isGood);
        if (!isToBeSent || !scenario.isKeyKnown) return undefined;
        return stored.length > 0 ? 'MISTAKEN' : 'REFUSED';
      }
      if (own.length === 0) return 'LOST';
      return isGood && codes.length > 0 ? 'REJECTED' : undefined;
    }
  });
}

const named = (code: string): string => `rejected ${code}`;

function countsOf(names: readonly string[]): string[] {
  const counts = Map.groupBy(names, (name) => name);
  return [...counts].map(([name, { length }]) => (length === 1 ? name : `${length} x ${name}`));
}
