import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';

/** No stream keeps it: only the gate that sent the heartbeat listens, and counts it once. */
const subject = 'headgate.canary.arrived';

/** Tells whichever gate sent it that a heartbeat has arrived behind the log. */
export function tellCanaryArrived(log: Log, idempotencyKey: string): void {
  clientsOf(log).connection.publish(subject, idempotencyKey);
}

/** The function returned ends it. */
export function onCanaryArrived(log: Log, take: (idempotencyKey: string) => void): () => void {
  const subscription = clientsOf(log).connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) take(message.string());
    },
  });
  return () => subscription.unsubscribe();
}
