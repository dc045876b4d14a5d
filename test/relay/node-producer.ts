import { setTimeout as sleep } from 'node:timers/promises';

import { prefixOf, type Producer } from './producers.ts';

const batch = 25;

export interface NodeProducerOptions {
  readonly url: string;
  readonly events: number;
  /** Of the producer among all. */
  readonly index: number;
  /** The context of an event, by its number. */
  readonly contextOf: (event: number) => object;
}

interface Result {
  readonly status: string;
  readonly error?: { readonly code: string };
}

/** As the programs of other languages, in this process. One of 50 events breaks its contract. */
export function startNodeProducer({
  url,
  events,
  index,
  contextOf,
}: NodeProducerOptions): Producer {
  const accepted = new Set<string>();
  const rejected = new Map<string, string>();
  const refusals = { full: 0, unanswered: 0 };
  let isStopped = false;
  let waitingFor = Array.from({ length: events }, (_, number) => ({
    event_name: 'order_completed',
    user_id: `u-${number % 100}`,
    idempotency_key: `${prefixOf(index)}${number.toString(16).padStart(12, '0')}`,
    properties:
      number % 50 === 0
        ? { order_id: 'A', total: -1, currency: 'EUR' }
        : { order_id: `A-${number}`, total: number, currency: 'EUR' },
    context: contextOf(number),
  }));
  const send = async (): Promise<void> => {
    const part = waitingFor.slice(0, batch);
    let results: readonly Result[];
    try {
      const response = await fetch(`${url}/v1/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ events: part }),
        signal: AbortSignal.timeout(10_000),
      });
      const body = (await response.json()) as { results?: readonly Result[] };
      results = body.results ?? part.map(() => ({ status: 'retry' }));
    } catch {
      refusals.unanswered += 1;
      await sleep(50);
      return;
    }
    const again: typeof waitingFor = [];
    for (const [at, { status, error }] of results.entries()) {
      const event = part[at]!;
      if (status === 'accepted' || status === 'duplicate') accepted.add(event.idempotency_key);
      else if (status === 'rejected') rejected.set(event.idempotency_key, error!.code);
      else again.push(event);
    }
    refusals.full += again.length;
    waitingFor = [...waitingFor.slice(batch), ...again];
    if (again.length > 0) await sleep(50);
  };
  const finished = (async () => {
    while (waitingFor.length > 0 && !isStopped) await send();
  })();
  const stop = (): void => void (isStopped = true);
  return { name: 'Node', accepted, rejected, refusals, finished, stop };
}
