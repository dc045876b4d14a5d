import type { Delivery, Outcome } from './destination.ts';

/**
 * `unclear`: the request was refused because of one of its messages. This message is sent again.
 */
export type MessageOutcome = Outcome | 'unclear';

/** One outcome per message, in their order, or one outcome for all of them. */
export type RequestOutcome = readonly MessageOutcome[] | Outcome;

/** How a batch is divided into requests. */
export interface BatchRequests<Message extends { readonly bytes: number }> {
  /** The limit for the messages of one request together. A larger message goes alone. */
  readonly requestBytesMax: number;
  readonly requestEventsMax: number;
  /** Messages of different groups are never in one request. Undefined: all are of one group. */
  readonly groupOf?: (message: Message) => RequestGroup;
  /** The message of an event, or the reason why it cannot be sent, which makes it a dead letter. */
  readonly read: (delivery: Delivery) => Message | string;
  /** Never rejects. */
  readonly send: (messages: readonly Message[], signal: AbortSignal) => Promise<RequestOutcome>;
}

/** What the messages of a request have in common. Groups are compared by identity. */
export interface RequestGroup {
  /** If it takes fewer than other groups. */
  readonly eventsMax?: number;
}

interface Place<Message> {
  readonly index: number;
  readonly message: Message;
}

/**
 * Delivers a batch in as few requests as its limits allow, one after another. The worker decides
 * how many calls run at once.
 *
 * A request that is refused for its content (400, 413) is split in two, down to single events. So
 * the bad event is found and the others arrive, with at most twice as many requests as events.
 * After a failure of the destination nothing more of the batch is sent.
 */
export async function deliverInRequests<Message extends { readonly bytes: number }>(
  requests: BatchRequests<Message>,
  batch: readonly Delivery[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  if (batch.length === 1) return [await deliverOne(requests, batch[0]!, signal)];
  const outcomes = Array.from<Outcome>({ length: batch.length });
  const places: Place<Message>[] = [];
  for (const [index, delivery] of batch.entries()) {
    const message = requests.read(delivery);
    if (typeof message === 'string') outcomes[index] = { kind: 'dead', reason: message };
    else places.push({ index, message });
  }
  let fault: Outcome | undefined;
  const halve = async (part: readonly Place<Message>[]): Promise<void> => {
    const middle = Math.ceil(part.length / 2);
    await send(part.slice(0, middle));
    await send(part.slice(middle));
  };
  const send = async (part: readonly Place<Message>[]): Promise<void> => {
    const verdict =
      fault ??
      (await requests.send(
        part.map(({ message }) => message),
        signal,
      ));
    if (isList(verdict)) {
      const unclear: Place<Message>[] = [];
      for (const [at, place] of part.entries()) {
        const validated = verdict[at]!;
        if (validated === 'unclear') unclear.push(place);
        else outcomes[place.index] = validated;
      }
      if (unclear.length < part.length) return unclear.length === 0 ? undefined : send(unclear);
      return halve(part);
    }
    const isDestinations = verdict.kind === 'retry' && verdict.fault === 'destination';
    if (isDestinations) fault = verdict;
    if (!isDestinations && verdict.kind !== 'delivered' && part.length > 1) return halve(part);
    for (const { index } of part) outcomes[index] = verdict;
  };
  for (const part of partsOf(places, requests)) await send(part);
  return outcomes;
}

/** What the general way comes to for one event, without what it costs. */
async function deliverOne<Message extends { readonly bytes: number }>(
  { read, send }: BatchRequests<Message>,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<Outcome> {
  const message = read(delivery);
  if (typeof message === 'string') return { kind: 'dead', reason: message };
  for (;;) {
    const verdict = await send([message], signal);
    const outcome = isList(verdict) ? verdict[0]! : verdict;
    if (outcome !== 'unclear') return outcome;
  }
}

function isList(verdict: RequestOutcome): verdict is readonly MessageOutcome[] {
  return Array.isArray(verdict);
}

const oneGroup: RequestGroup = {};

function partsOf<Message extends { readonly bytes: number }>(
  places: readonly Place<Message>[],
  requests: BatchRequests<Message>,
): Place<Message>[][] {
  const groups = new Map<RequestGroup, Place<Message>[]>();
  for (const place of places) {
    const group = requests.groupOf?.(place.message) ?? oneGroup;
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [place]);
    else members.push(place);
  }
  return [...groups].flatMap(([{ eventsMax = Infinity }, members]) =>
    cut(members, {
      ...requests,
      requestEventsMax: Math.min(requests.requestEventsMax, eventsMax),
    }),
  );
}

function cut<Message extends { readonly bytes: number }>(
  places: readonly Place<Message>[],
  { requestBytesMax, requestEventsMax }: BatchRequests<Message>,
): Place<Message>[][] {
  const parts: Place<Message>[][] = [];
  let part: Place<Message>[] = [];
  let bytes = 0;
  for (const place of places) {
    const isFull = part.length >= requestEventsMax || bytes + place.message.bytes > requestBytesMax;
    if (part.length === 0 || isFull) {
      parts.push((part = []));
      bytes = 0;
    }
    part.push(place);
    bytes += place.message.bytes;
  }
  return parts;
}
