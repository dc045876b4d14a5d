import { clientsForTests } from '../../src/jetstream/clients.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { publishEvents } from '../delivery/rig.ts';

export interface AskedPage {
  readonly batch: number;
  /** Undefined: through a consumer, which has no filter. */
  readonly next_by_subj?: string;
}

/** As beside producers, or without them. Returns what nats-server is asked for of EVENTS. */
export function watchPages(log: Log, isKept: boolean): AskedPage[] {
  const asked: AskedPage[] = [];
  const { connection, pace } = clientsForTests(log);
  Object.assign(pace, { isKept: () => isKept, count: () => 0 });
  const publish = connection.publish.bind(connection);
  connection.publish = (subject, payload, options) => {
    if (/\.(DIRECT\.GET|MSG\.NEXT)\.EVENTS/.test(subject)) {
      asked.push(JSON.parse(String(payload)) as AskedPage);
    }
    publish(subject, payload, options);
  };
  return asked;
}

export const rare = 'refund_completed';

/** 1,200 events, of which three are rare: the first, one in between, and the last. Returns the ids of these. */
export async function fillWithRare(log: Log): Promise<string[]> {
  const ids: string[] = [];
  for (const count of [0, 700, 497]) {
    if (count > 0) await publishEvents(log, count);
    ids.push(...(await publishEvents(log, 1, { eventName: rare })));
  }
  return ids;
}
