import { isOlder } from './server-binary.ts';

/** A fault of nats-server that can cost or delay events of this set-up. */
export interface KnownFault {
  /** What goes wrong, as one sentence for operators. */
  readonly text: string;
  /** The first version without it, in this line of versions. */
  readonly fixedIn: string;
  readonly link: string;
}

interface ListedFault {
  readonly text: string;
  readonly link: string;
  /** Only with streams that have replicas. */
  readonly onlyReplicated: boolean;
  /** The first version without it, of each line that got the fix: the newest line last. */
  readonly fixedIn: readonly string[];
}

/**
 * Only faults that concern what Headgate uses: file streams with limits, durable pull consumers,
 * acknowledgements of each message. Faults that the code avoids are not listed, such as the race of
 * a purge with a publish before 2.14.4 (consume/janitor.ts).
 */
const listed: readonly ListedFault[] = [
  {
    text: 'a replica that catches up while its stream is at its limit can skip messages, and then differs from the others',
    link: 'https://github.com/nats-io/nats-server/pull/8265',
    onlyReplicated: true,
    fixedIn: ['2.12.12', '2.14.3'],
  },
  {
    text: 'a former leader can apply what it proposed before it stepped down: consumers then pass over events',
    link: 'https://github.com/nats-io/nats-server/pull/8370',
    onlyReplicated: true,
    fixedIn: ['2.14.4'],
  },
  {
    text: 'a consumer leader that steps down keeps its queued proposals: after a partition, events can count as delivered that were not',
    link: 'https://github.com/nats-io/nats-server/releases/tag/v2.14.6',
    onlyReplicated: true,
    fixedIn: ['2.14.6'],
  },
];

/** The listed faults of a version such as `2.14.0`. */
export function knownFaultsOf(
  version: string,
  setUp: { readonly replicated: boolean },
): KnownFault[] {
  return listed
    .filter(({ onlyReplicated }) => setUp.replicated || !onlyReplicated)
    .filter(({ fixedIn }) => !hasFix(version, fixedIn))
    .map(({ text, link, fixedIn }) => ({ text, link, fixedIn: targetOf(version, fixedIn) }));
}

/** True if the version is in a line that got the fix, from that release on, or in a newer line. */
function hasFix(version: string, fixedIn: readonly string[]): boolean {
  const sameLine = fixedIn.find((fix) => lineOf(fix) === lineOf(version));
  return !isOlder(version, sameLine ?? fixedIn.at(-1)!);
}

function targetOf(version: string, fixedIn: readonly string[]): string {
  return fixedIn.find((fix) => lineOf(fix) === lineOf(version)) ?? fixedIn.at(-1)!;
}

function lineOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
