/** Gathers events into batches and keeps a few of them under way. */
export interface BatchQueue<Event> {
  /** Undefined: go on. A promise: there is enough under way, wait for it before the next one. */
  add(event: Event, bytes: number): Promise<void> | undefined;
  /** Sends what is left, and waits until nothing is under way. */
  finish(): Promise<void>;
}

export interface BatchQueueOptions<Event> {
  readonly send: (events: readonly Event[]) => Promise<void>;
  readonly eventsMax: number;
  readonly bytesMax: number;
  /** Batches under way at once. */
  readonly inFlightMax: number;
  /** An event waits no longer than this for others to go with. */
  readonly lingerMs: number;
}

/**
 * At most `inFlightMax` batches under way, one that is full and one that fills: memory is bounded
 * however much is to be sent. One caller adds, and waits when `add` asks it to. A failure of `send` is
 * thrown by the next call.
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
