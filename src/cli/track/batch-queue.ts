/** Collects events into batches and sends a few batches at once. */
export interface BatchQueue<Event> {
  /** Returns a promise if the queue is full: await it before the next call. Else undefined. */
  add(event: Event, bytes: number): Promise<void> | undefined;
  /** Sends the remaining events, and waits until all batches are done. */
  finish(): Promise<void>;
}

export interface BatchQueueOptions<Event> {
  readonly send: (events: readonly Event[]) => Promise<void>;
  readonly eventsMax: number;
  readonly bytesMax: number;
  /** Batches in flight at once. */
  readonly inFlightMax: number;
  /** The longest time that an event waits for its batch to fill. */
  readonly lingerMs: number;
}

/**
 * Memory is bounded: at most `inFlightMax` batches in flight, one full and one partial batch. For
 * one caller, which awaits the promise of `add`. If `send` fails, the next call throws its error.
 */
export function createBatchQueue<Event>(options: BatchQueueOptions<Event>): BatchQueue<Event> {
  const { send, eventsMax, bytesMax, inFlightMax, lingerMs } = options;
  const ready: Event[][] = [];
  const underWay = new Set<Promise<void>>();
  let filling: Event[] = [];
  let fillingBytes = 0;
  let failed: { readonly error: unknown } | undefined;
  let linger: NodeJS.Timeout | undefined;
  let waiting: PromiseWithResolvers<void> | undefined;

  const start = async (events: readonly Event[]): Promise<void> => {
    try {
      await send(events);
    } catch (error) {
      failed ??= { error };
    }
  };
  const pump = (): void => {
    while (underWay.size < inFlightMax && ready.length > 0) {
      const sent: Promise<void> = start(ready.shift()!).finally(() => {
        underWay.delete(sent);
        pump();
      });
      underWay.add(sent);
    }
    if (ready.length === 0 || failed !== undefined) waiting?.resolve();
  };
  const close = (): void => {
    clearTimeout(linger);
    linger = undefined;
    if (filling.length > 0) ready.push(filling);
    filling = [];
    fillingBytes = 0;
    pump();
  };
  const throwFailure = (): void => {
    if (failed !== undefined) throw failed.error;
  };
  const waitForRoom = async (): Promise<void> => {
    waiting = Promise.withResolvers<void>();
    await waiting.promise;
    waiting = undefined;
    throwFailure();
  };

  return {
    add: (event, bytes) => {
      throwFailure();
      if (filling.length > 0 && fillingBytes + bytes > bytesMax) close();
      filling.push(event);
      fillingBytes += bytes;
      if (filling.length >= eventsMax) close();
      else linger ??= setTimeout(close, lingerMs);
      return ready.length > 0 ? waitForRoom() : undefined;
    },
    finish: async () => {
      close();
      while (underWay.size > 0) await Promise.all(underWay);
      throwFailure();
    },
  };
}
