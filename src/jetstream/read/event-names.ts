import { isCanarySubject } from '../../event/canary.ts';
import { eventNameOf } from '../../event/delivery-attempt.ts';
import { clientsOf } from '../clients.ts';
import { withParts } from '../events/event-streams.ts';
import type { Log } from '../log.ts';
import { anyName, subjects } from '../topology.ts';

/** The server answers with one page of its subjects, 100,000; its client would ask for all. */
interface SubjectsPage {
  readonly state?: { readonly subjects?: Readonly<Record<string, number>> };
  readonly error?: { readonly description: string };
}

const timeoutMs = 10_000;

/**
 * How many events of each name the log holds. Reads the counts of at most 100,000 pairs of a source and
 * a name, and no event. Rejects when the log cannot be reached.
 */
export function countEventNames(log: Log): Promise<ReadonlyMap<string, number>> {
  return withParts(log, 'EVENTS', async (parts) => {
    const { connection } = clientsOf(log);
    const counts = new Map<string, number>();
    for (const part of parts) {
      const filter = { subjects_filter: part.subject(subjects.eventsOf('*', anyName)) };
      const api = `$JS.API.STREAM.INFO.${part.stream}`;
      const answer = await connection.request(api, JSON.stringify(filter), { timeout: timeoutMs });
      const { state, error } = answer.json<SubjectsPage>();
      if (error !== undefined) throw new Error(error.description);
      for (const [subject, events] of Object.entries(state?.subjects ?? {})) {
        if (isCanarySubject(subject)) continue;
        const name = eventNameOf(subject);
        counts.set(name, (counts.get(name) ?? 0) + events);
      }
    }
    return counts;
  });
}
