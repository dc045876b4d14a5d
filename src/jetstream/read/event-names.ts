import { isCanarySubject } from '../../event/canary.ts';
import { eventNameOf, sourceOf } from '../../event/delivery-attempt.ts';
import { nameOfToken } from '../../event/name/name-token.ts';
import { clientsOf } from '../clients.ts';
import { withParts } from '../events/event-streams.ts';
import type { Log } from '../log.ts';
import { anyName, subjects } from '../topology.ts';
import { countBySubject } from './read.ts';

/** The server answers with one page of its subjects, 100,000; its client would ask for all. */
interface SubjectsPage {
  readonly state?: { readonly subjects?: Readonly<Record<string, number>> };
  readonly error?: { readonly description: string };
}

const timeoutMs = 10_000;

/** Numbers of events by name, then by source. */
export type SourceCounts = ReadonlyMap<string, ReadonlyMap<string, number>>;

/**
 * How many events of each name and source the log holds. Reads the counts of at most 100,000 pairs of a
 * source and a name, and no event. Rejects when the log cannot be reached.
 */
export function countEventSources(log: Log): Promise<SourceCounts> {
  return withParts(log, 'EVENTS', async (parts) => {
    const { connection } = clientsOf(log);
    const counts = new Map<string, Map<string, number>>();
    for (const part of parts) {
      const filter = { subjects_filter: part.subject(subjects.eventsOf('*', anyName)) };
      const api = `$JS.API.STREAM.INFO.${part.stream}`;
      const answer = await connection.request(api, JSON.stringify(filter), { timeout: timeoutMs });
      const { state, error } = answer.json<SubjectsPage>();
      if (error !== undefined) throw new Error(error.description);
      for (const [subject, events] of Object.entries(state?.subjects ?? {})) {
        if (!isCanarySubject(subject)) {
          addCount(counts, eventNameOf(subject), sourceOf(subject), events);
        }
      }
    }
    return counts;
  });
}

/** How many events of each name the log holds. Likewise. */
export async function countEventNames(log: Log): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const [name, sources] of await countEventSources(log)) {
    let events = 0;
    for (const count of sources.values()) events += count;
    counts.set(name, events);
  }
  return counts;
}

/**
 * The same of the rejected events that are kept. Those of a name without a contract are under one name,
 * `unplannedName`.
 */
export async function countRejectedSources(log: Log): Promise<SourceCounts> {
  const counts = new Map<string, Map<string, number>>();
  const found = await countBySubject(log, 'REJECTED', subjects.rejectedOf('*'));
  for (const [subject, events] of found) {
    const [, , source = '', token = ''] = subject.split('.');
    addCount(counts, nameOfToken(token), source, events);
  }
  return counts;
}

function addCount(
  counts: Map<string, Map<string, number>>,
  name: string,
  source: string,
  events: number,
): void {
  const sources = counts.get(name) ?? new Map<string, number>();
  counts.set(name, sources.set(source, (sources.get(source) ?? 0) + events));
}
