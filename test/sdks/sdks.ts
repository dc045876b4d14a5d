/** What an SDK is asked to do. `flags` and `decide` ask for feature flags and send no event. */
export type Call =
  | 'track'
  | 'identify'
  | 'page'
  | 'screen'
  | 'group'
  | 'alias'
  | 'import'
  | 'engage'
  | 'groups'
  | 'flags'
  | 'decide';

export type System = 'Segment' | 'RudderStack' | 'PostHog' | 'Mixpanel';

/** A version of a vendor's SDK, and the program that makes its calls. */
export interface Sdk {
  readonly language: 'Python' | 'Node' | 'Go' | 'Java';
  readonly system: System;
  /** As its registry names it; for Maven `group:artifact`. */
  readonly name: string;
  readonly version: string;
  /** Current when this list was written. `npm test` runs these of Python and Node. */
  readonly isCurrent: boolean;
  /** In `programs/`. */
  readonly program: string;
  readonly calls: readonly Call[];
  /** It compresses its bodies if it is told to. */
  readonly hasGzip: boolean;
}

type Versions = readonly [current: string | undefined, ...old: string[]];

const segmentCalls: readonly Call[] = ['track', 'identify', 'page', 'screen', 'group', 'alias'];
const posthogCalls: readonly Call[] = [...segmentCalls, 'flags'];
const olderPosthogCalls: readonly Call[] = [...segmentCalls, 'decide'];

export const sdks: readonly Sdk[] = [
  ...python('Segment', 'segment-analytics-python', ['2.4.0'], 'segment_calls.py', segmentCalls),
  ...python(
    'Segment',
    'analytics-python',
    [undefined, '1.4.post1'],
    'segment_calls.py',
    segmentCalls,
  ),
  ...python('RudderStack', 'rudder-sdk-python', ['2.1.9'], 'segment_calls.py', segmentCalls),
  ...withoutGzip(
    python(
      'RudderStack',
      'rudder-sdk-python',
      [undefined, '1.0.6'],
      'segment_calls.py',
      segmentCalls,
    ),
  ),
  ...python('PostHog', 'posthog', ['7.91.1'], 'posthog_calls.py', posthogCalls),
  ...python('PostHog', 'posthog', [undefined, '2.5.0'], 'posthog_calls.py', olderPosthogCalls),
  // Its alias always goes to Mixpanel's own host.
  ...withoutGzip(
    python('Mixpanel', 'mixpanel', ['5.4.1', '4.9.0'], 'mixpanel_calls.py', [
      'track',
      'import',
      'engage',
      'groups',
    ]),
  ),
  ...withoutGzip(
    node(
      'Segment',
      '@segment/analytics-node',
      ['3.1.0', '1.0.0'],
      'segment-calls.mjs',
      segmentCalls,
    ),
  ),
  ...withoutGzip(
    node(
      'Segment',
      'analytics-node',
      [undefined, '6.2.0'],
      'older-segment-calls.mjs',
      segmentCalls,
    ),
  ),
  ...node(
    'RudderStack',
    '@rudderstack/rudder-sdk-node',
    ['3.0.13'],
    'older-segment-calls.mjs',
    segmentCalls,
  ),
  ...withoutGzip(
    node(
      'RudderStack',
      '@rudderstack/rudder-sdk-node',
      [undefined, '1.1.5'],
      'older-segment-calls.mjs',
      segmentCalls,
    ),
  ),
  ...node('PostHog', 'posthog-node', ['5.70.0'], 'posthog-calls.mjs', posthogCalls),
  ...withoutGzip(
    node('PostHog', 'posthog-node', [undefined, '3.0.0'], 'posthog-calls.mjs', olderPosthogCalls),
  ),
  ...withoutGzip(
    node('Mixpanel', 'mixpanel', ['0.24.0', '0.17.0'], 'mixpanel-calls.mjs', [
      'track',
      'import',
      'alias',
      'engage',
      'groups',
    ]),
  ),
];

/** `segment-analytics-python 2.4.0 (Python)`. */
export function titleOf({ name, version, language }: Sdk): string {
  return `${name} ${version} (${language})`;
}

function python(
  system: System,
  name: string,
  versions: Versions,
  program: string,
  calls: readonly Call[],
): Sdk[] {
  return of('Python', system, name, versions, program, calls);
}

function node(
  system: System,
  name: string,
  versions: Versions,
  program: string,
  calls: readonly Call[],
): Sdk[] {
  return of('Node', system, name, versions, program, calls);
}

function of(
  language: Sdk['language'],
  system: System,
  name: string,
  [current, ...old]: Versions,
  program: string,
  calls: readonly Call[],
): Sdk[] {
  const sdk = { language, system, name, program, calls, hasGzip: true } as const;
  const olds = old.map((version): Sdk => ({ ...sdk, version, isCurrent: false }));
  return current === undefined ? olds : [{ ...sdk, version: current, isCurrent: true }, ...olds];
}

function withoutGzip(list: readonly Sdk[]): Sdk[] {
  return list.map((sdk) => ({ ...sdk, hasGzip: false }));
}
