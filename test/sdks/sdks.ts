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
  readonly language: 'Python' | 'Node' | 'Go' | 'Java' | 'Ruby' | 'PHP';
  readonly system: System;
  /** As its registry names it; for Maven `group:artifact`. */
  readonly name: string;
  readonly version: string;
  /** When this list was written. */
  readonly isCurrent: boolean;
  /** In `programs/`. */
  readonly program: string;
  /** Compiled with it. */
  readonly besides: readonly string[];
  readonly calls: readonly Call[];
  /** It compresses its bodies if it is told to. */
  readonly hasGzip: boolean;
  /** It sends a batch again that has a rejected event: the event is kept each time. */
  readonly sendsRejectedAgain: boolean;
}

type Versions = readonly [current: string | undefined, ...old: string[]];

const segmentCalls: readonly Call[] = ['track', 'identify', 'page', 'screen', 'group', 'alias'];
const posthogCalls: readonly Call[] = [...segmentCalls, 'flags'];
const olderPosthogCalls: readonly Call[] = [...segmentCalls, 'decide'];

export const sdks: readonly Sdk[] = [
  ...of(
    'Python',
    'Segment',
    'segment-analytics-python',
    ['2.4.0'],
    'segment_calls.py',
    segmentCalls,
  ),
  ...of(
    'Python',
    'Segment',
    'analytics-python',
    [undefined, '1.4.post1'],
    'segment_calls.py',
    segmentCalls,
  ),
  ...of('Python', 'RudderStack', 'rudder-sdk-python', ['2.1.9'], 'segment_calls.py', segmentCalls),
  ...withoutGzip(
    of(
      'Python',
      'RudderStack',
      'rudder-sdk-python',
      [undefined, '1.0.6'],
      'segment_calls.py',
      segmentCalls,
    ),
  ),
  ...of('Python', 'PostHog', 'posthog', ['7.91.1'], 'posthog_calls.py', posthogCalls),
  ...of(
    'Python',
    'PostHog',
    'posthog',
    [undefined, '2.5.0'],
    'posthog_calls.py',
    olderPosthogCalls,
  ),
  // Its alias always goes to Mixpanel's own host.
  ...withoutGzip(
    of('Python', 'Mixpanel', 'mixpanel', ['5.4.1', '4.9.0'], 'mixpanel_calls.py', [
      'track',
      'import',
      'engage',
      'groups',
    ]),
  ),
  ...withoutGzip(
    of(
      'Node',
      'Segment',
      '@segment/analytics-node',
      ['3.1.0', '1.0.0'],
      'segment-calls.mjs',
      segmentCalls,
    ),
  ),
  ...withoutGzip(
    of(
      'Node',
      'Segment',
      'analytics-node',
      [undefined, '6.2.0'],
      'older-segment-calls.mjs',
      segmentCalls,
    ),
  ),
  ...of(
    'Node',
    'RudderStack',
    '@rudderstack/rudder-sdk-node',
    ['3.0.13'],
    'older-segment-calls.mjs',
    segmentCalls,
  ),
  ...withoutGzip(
    of(
      'Node',
      'RudderStack',
      '@rudderstack/rudder-sdk-node',
      [undefined, '1.1.5'],
      'older-segment-calls.mjs',
      segmentCalls,
    ),
  ),
  ...of('Node', 'PostHog', 'posthog-node', ['5.70.0'], 'posthog-calls.mjs', posthogCalls),
  ...withoutGzip(
    of(
      'Node',
      'PostHog',
      'posthog-node',
      [undefined, '3.0.0'],
      'posthog-calls.mjs',
      olderPosthogCalls,
    ),
  ),
  ...withoutGzip(
    of('Node', 'Mixpanel', 'mixpanel', ['0.24.0', '0.17.0'], 'mixpanel-calls.mjs', [
      'track',
      'import',
      'alias',
      'engage',
      'groups',
    ]),
  ),
  ...withoutGzip([
    ...go('Segment', 'github.com/segmentio/analytics-go/v3', ['v3.3.0'], 'segment-client.go'),
    ...go(
      'Segment',
      'gopkg.in/segmentio/analytics-go.v3',
      [undefined, 'v3.1.0'],
      'segment-client.go',
    ),
  ]),
  ...go('RudderStack', 'github.com/rudderlabs/analytics-go/v4', ['v4.2.0'], 'rudder-client.go'),
  ...withoutGzip([
    ...go(
      'RudderStack',
      'github.com/rudderlabs/analytics-go',
      [undefined, 'v3.3.3+incompatible'],
      'older-rudder-client.go',
    ),
    ...of(
      'Go',
      'PostHog',
      'github.com/posthog/posthog-go',
      ['v1.5.2'],
      'go/posthog.go',
      posthogCalls,
      ['go/program.go'],
    ),
    ...of(
      'Go',
      'PostHog',
      'github.com/posthog/posthog-go',
      [undefined, 'v1.2.24'],
      'go/posthog.go',
      olderPosthogCalls,
      ['go/program.go'],
    ),
    ...java(
      'Segment',
      'com.segment.analytics.java:analytics',
      ['3.5.4', '2.1.1'],
      'SegmentCalls',
      segmentCalls,
    ),
    ...java(
      'PostHog',
      'com.posthog.java:posthog',
      ['1.2.0', '1.1.1'],
      'PostHogCalls',
      olderPosthogCalls.filter((call) => call !== 'group'),
    ),
    ...java('Mixpanel', 'com.mixpanel:mixpanel-java', [undefined, '1.5.3'], 'MixpanelCalls', [
      'track',
      'engage',
      'groups',
    ]),
    ...java('Mixpanel', 'com.mixpanel:mixpanel-java', [undefined, '1.4.4'], 'MixpanelCalls', [
      'track',
      'engage',
    ]),
  ]),
  ...java('Mixpanel', 'com.mixpanel:mixpanel-java', ['1.6.1'], 'MixpanelCalls', [
    'track',
    'engage',
    'groups',
  ]),
  ...java(
    'RudderStack',
    'com.rudderstack.sdk.java.analytics:analytics',
    ['3.1.2', '3.0.0'],
    'RudderCalls',
    segmentCalls,
  ),
  ...java('PostHog', 'com.posthog:posthog-server', ['2.3.3'], 'PostHogServerCalls', posthogCalls),
  ...withoutGzip(
    of(
      'Ruby',
      'Segment',
      'analytics-ruby',
      ['2.5.0', '2.4.0'],
      'ruby/segment_calls.rb',
      segmentCalls,
    ),
  ),
  ...of(
    'Ruby',
    'RudderStack',
    'rudder-sdk-ruby',
    ['3.2.1', '3.0.0'],
    'ruby/segment_calls.rb',
    segmentCalls,
  ),
  ...of('Ruby', 'PostHog', 'posthog-ruby', ['3.23.2'], 'ruby/posthog_calls.rb', posthogCalls),
  ...withoutGzip([
    ...of(
      'Ruby',
      'PostHog',
      'posthog-ruby',
      [undefined, '2.5.0'],
      'ruby/posthog_calls.rb',
      olderPosthogCalls,
    ),
    ...of('Ruby', 'Mixpanel', 'mixpanel-ruby', ['3.3.0', '2.3.1'], 'ruby/mixpanel_calls.rb', [
      'track',
      'import',
      'alias',
      'engage',
      'groups',
    ]),
  ]),
  ...of(
    'PHP',
    'Segment',
    'segmentio/analytics-php',
    ['3.8.2', '3.5.0'],
    'php/segment_calls.php',
    segmentCalls,
  ),
  ...of(
    'PHP',
    'PostHog',
    'posthog/posthog-php',
    ['4.13.2', '4.9.0'],
    'php/posthog_calls.php',
    posthogCalls,
  ),
  ...sendingRejectedAgain(
    withoutGzip(
      of('PHP', 'Mixpanel', 'mixpanel/mixpanel-php', ['2.11.0'], 'php/mixpanel_calls.php', [
        'track',
        'alias',
        'engage',
        'groups',
      ]),
    ),
  ),
];

function go(system: System, name: string, versions: Versions, client: string): Sdk[] {
  const besides = [`go/${client}`, 'go/program.go'];
  return of('Go', system, name, versions, 'go/segment.go', segmentCalls, besides);
}

function java(
  system: System,
  name: string,
  versions: Versions,
  program: string,
  calls: readonly Call[],
): Sdk[] {
  return of('Java', system, name, versions, `java/${program}.java`, calls, ['java/Program.java']);
}

/** SDKs that this suite does not run, and why. */
export const notRun: readonly string[] = ['SDKs in browsers: the gate sends no CORS headers'];

/** `npm test` runs these, where they are installed. */
export function isInShortRun({ isCurrent, language }: Sdk): boolean {
  return isCurrent && (language === 'Python' || language === 'Node');
}

/** `segment-analytics-python 2.4.0 (Python)`. */
export function titleOf({ name, version, language }: Sdk): string {
  return `${name} ${version} (${language})`;
}

function of(
  language: Sdk['language'],
  system: System,
  name: string,
  [current, ...old]: Versions,
  program: string,
  calls: readonly Call[],
  besides: readonly string[] = [],
): Sdk[] {
  const traits = { hasGzip: true, sendsRejectedAgain: false } as const;
  const sdk = { language, system, name, program, besides, calls, ...traits } as const;
  const olds = old.map((version): Sdk => ({ ...sdk, version, isCurrent: false }));
  return current === undefined ? olds : [{ ...sdk, version: current, isCurrent: true }, ...olds];
}

function withoutGzip(list: readonly Sdk[]): Sdk[] {
  return list.map((sdk) => ({ ...sdk, hasGzip: false }));
}

function sendingRejectedAgain(list: readonly Sdk[]): Sdk[] {
  return list.map((sdk) => ({ ...sdk, sendsRejectedAgain: true }));
}
