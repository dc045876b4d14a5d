import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';

/** No stream keeps these messages: only the gate that sent the heartbeat listens, and counts it once. */
const subject = 'headgate.canary.arrived';

/** Reports to the gates that a heartbeat has arrived behind the log. Is lost when none listens. */
export function reportCanaryArrival(log: Log, idempotencyKey: string): void {
  clientsOf(log).connection.publish(subject, idempotencyKey);
}

/** Calls `take` for each heartbeat that arrives. The function returned ends that. */
export function onCanaryArrival(log: Log, take: (idempotencyKey: string) => void): () => void {
  const subscription = clientsOf(log).connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) take(message.string());
    },
  });
  return () => subscription.unsubscribe();
}
