import type { Call, Sdk } from './sdks.ts';

/** A call of a program, and the id by which its event is found again. */
export interface Made {
  readonly call: Call;
  readonly marker: string;
  /** False: its event breaks its schema. */
  readonly isGood: boolean;
}

/** How a program meets the gate. */
export interface Scenario {
  readonly name: string;
  /** What happens to the first request that it sends. */
  readonly fault: 'none' | 'refused once' | 'answer lost once' | 'limited';
  readonly isGzip: boolean;
  /** PostHog's newer protocol, which its SDKs take from their environment. */
  readonly isCaptureV1: boolean;
  /** False: the write key is not one of the gate's. */
  readonly isKeyKnown: boolean;
  /** `npm test` has it, too. */
  readonly isShort: boolean;
  isFor(sdk: Sdk): boolean;
  made(sdk: Sdk, run: string): Made[];
}

const plain = {
  fault: 'none',
  isGzip: false,
  isCaptureV1: false,
  isKeyKnown: true,
  isShort: false,
  isFor: () => true,
} as const;

const good = (run: string): Made[] => tracks(run, [true, true, true]);

const ofEverySdk: readonly Scenario[] = [
  {
    ...plain,
    name: 'every call',
    isShort: true,
    made: ({ calls }, run) =>
      calls.map((call) => ({ call, marker: `${run}-${call}`, isGood: true })),
  },
  {
    ...plain,
    name: 'one rejected',
    isShort: true,
    made: (_sdk, run) => tracks(run, [true, false, true]),
  },
  { ...plain, name: '503 once', fault: 'refused once', made: (_sdk, run) => good(run) },
  {
    ...plain,
    name: 'answer lost',
    fault: 'answer lost once',
    isShort: true,
    made: (_sdk, run) => good(run),
  },
  {
    ...plain,
    name: 'limited',
    fault: 'limited',
    isShort: true,
    made: (_sdk, run) => good(run),
  },
  {
    ...plain,
    name: 'gzip',
    isGzip: true,
    isFor: ({ hasGzip }) => hasGzip,
    made: (_sdk, run) => good(run),
  },
  { ...plain, name: 'refused key', isKeyKnown: false, made: (_sdk, run) => good(run) },
];

const hasCaptureV1 = ({ name, isCurrent }: Sdk): boolean =>
  isCurrent && (name === 'posthog' || name === 'posthog-node');

export const scenarios: readonly Scenario[] = [
  ...ofEverySdk,
  ...ofEverySdk.map((scenario) => ({
    ...scenario,
    name: `${scenario.name}, v1`,
    isCaptureV1: true,
    isShort: false,
    isFor: hasCaptureV1,
  })),
];

function tracks(run: string, areGood: readonly boolean[]): Made[] {
  return areGood.map((isGood, index) => ({ call: 'track', marker: `${run}-${index + 1}`, isGood }));
}
