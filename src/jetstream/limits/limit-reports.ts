import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';
import { readMatching } from '../read/read.ts';
import { subjects } from '../topology.ts';

/** Texts by which gates say what they took of the limits of sources. */
export interface LimitReports {
  /** Says it to the gates that run now. May be lost: a later one says all of it again. */
  say(text: string): void;
  /** Keeps it for the next start of a gate. Rejects with a PublishError. */
  keep(gate: string, text: string): Promise<void>;
  /** Reads what every gate kept. Rejects when the log cannot be reached. */
  kept(): AsyncIterable<string>;
  /** Calls with what any gate says, this one included, until the returned function is called. */
  follow(take: (text: string) => void): () => void;
}

const stream = 'KV_headgate_limits';

export function openLimitReports(log: Log): LimitReports {
  const { connection } = clientsOf(log);
  return {
    say: (text) => {
      // A closed connection throws; nothing is stored without it either.
      if (!connection.isClosed()) connection.publish(subjects.limitsNow, text);
    },
    keep: async (gate, text) => {
      await log.store(stream, subjects.limits(gate), {}, text);
    },
    kept: async function* () {
      for await (const { payload } of readMatching(log, stream, subjects.limits('*'), 1)) {
        yield new TextDecoder().decode(payload);
      }
    },
    follow: (take) => {
      const subscription = connection.subscribe(subjects.limitsNow, {
        callback: (error, message) => {
          if (error === null) take(message.string());
        },
      });
      return () => subscription.unsubscribe();
    },
  };
}
