import { clientsOf } from '../clients.ts';
import type { Log } from '../log.ts';

/** No stream stores these messages. Only the gate that sent a heartbeat counts its arrival. */
const subject = 'headgate.canary.arrived';

/** Reports to all gates that a heartbeat arrived at a worker. Lost if no gate is subscribed. */
export function reportCanaryArrival(log: Log, idempotencyKey: string): void {
  clientsOf(log).connection.publish(subject, idempotencyKey);
}

/**
 * Calls `onArrival` for each heartbeat that arrives. Returns a function that ends the subscription.
 */
export function onCanaryArrival(log: Log, onArrival: (idempotencyKey: string) => void): () => void {
  const subscription = clientsOf(log).connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) onArrival(message.string());
    },
  });
  return () => subscription.unsubscribe();
}
