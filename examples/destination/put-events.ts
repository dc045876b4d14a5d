import type { Delivery, Destination, Outcome } from 'headgate/destination';

/** The `options` in headgate.yaml. Headgate does not know them, so this module checks them. */
interface Options {
  readonly url?: string;
  readonly token?: string;
  readonly timeout_ms?: number;
}

/**
 * PUTs each event to `<url>/<event_id>`. A second PUT replaces the object, so an event that is
 * delivered twice counts once.
 */
export default function createPutDestination(name: string, options: Options): Destination {
  const { url, token = '', timeout_ms: timeoutMs = 10_000 } = options;
  if (url === undefined) throw new Error(`destinations.${name}.options.url is required`);
  const inFlight = new Set<Promise<Outcome[]>>();
  let closed = false;

  const put = async (delivery: Delivery, signal: AbortSignal): Promise<Outcome> => {
    const id = idOf(delivery);
    if (id === undefined) return { kind: 'dead', reason: 'it is not a stored event' };
    // `fault` names the cause. Failures of the destination park it; failures of an event are
    // charged to that event.
    const retry = { kind: 'retry', fault: 'destination' } as const;
    if (closed || signal.aborted) return { ...retry, reason: 'the delivery was stopped' };
    try {
      const response = await fetch(`${url}/${id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: Buffer.from(delivery.payload),
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      if (response.ok) return { kind: 'delivered' };
      const status = String(response.status);
      const reason = `answered ${status}`;
      if (response.status === 413) return { kind: 'dead', reason, status };
      if (response.status === 422) return { kind: 'retry', fault: 'event', reason, status };
      const seconds = Number(response.headers.get('retry-after') ?? 0);
      return { ...retry, reason, status, ...(seconds > 0 ? { notBeforeMs: seconds * 1000 } : {}) };
    } catch (error) {
      return { ...retry, reason: `no answer: ${(error as Error).name}` };
    }
  };

  return {
    batchEventsMax: 10,
    concurrency: 4,
    async deliver(batch, signal) {
      const delivering = Promise.all(batch.map((delivery) => put(delivery, signal)));
      inFlight.add(delivering);
      return delivering.finally(() => inFlight.delete(delivering));
    },
    async close() {
      closed = true;
      await Promise.all(inFlight);
    },
  };
}

/** Returns undefined if the payload is not an event. `event()` throws if it is not JSON. */
function idOf(delivery: Delivery): string | undefined {
  try {
    const { eventId, eventName } = delivery.event();
    return /^[\w-]+$/.test(eventId) && typeof eventName === 'string' ? eventId : undefined;
  } catch {
    return undefined;
  }
}
