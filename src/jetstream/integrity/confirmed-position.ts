import { clientsOf } from '../clients.ts';
import type { StreamPart } from '../events/stream-parts.ts';
import type { Log } from '../log.ts';
import { storeUnlessChanged } from '../publish/store-if-unchanged.ts';
import { deleteMessage, readNext } from '../read/read.ts';
import { subjects } from '../topology.ts';

/**
 * How far the deliveries of a destination from a part of EVENTS are confirmed. It is kept in LEDGER,
 * because a consumer that was recreated has lost its metadata, and may have skipped events.
 */
export interface ConfirmedPosition {
  /** A position in EVENTS: all events up to it are confirmed. */
  readonly upTo: number;
  /** How many events were settled and not delivered, ever. */
  readonly missing: number;
  /** The newest of them; undefined if there were none. */
  readonly lastFound: FoundMissing | undefined;
}

/** Events that were settled and not delivered. Positions in EVENTS; a Unix time in ms. */
export interface FoundMissing {
  readonly events: number;
  readonly from: number;
  readonly to: number;
  readonly foundAtMs: number;
}

/** A confirmed position as it was read: `revision` changes with each write. */
export interface ReadPosition extends ConfirmedPosition {
  readonly revision: number;
}

const subjectOf = (part: StreamPart, destination: string): string =>
  subjects.ledger(part.stream, `${confirmedPrefix}${destination}`);

/** How the entries of LEDGER begin that hold a confirmed position. */
export const confirmedPrefix = 'confirmed-';

const decoder = new TextDecoder();

/** Undefined if none is known yet. Rejects when the log cannot be reached. */
export async function readConfirmed(
  log: Log,
  part: StreamPart,
  destination: string,
): Promise<ReadPosition | undefined> {
  const message = await readNext(log, 'LEDGER', 1, subjectOf(part, destination));
  if (message === undefined) return undefined;
  const position = JSON.parse(decoder.decode(message.payload)) as ConfirmedPosition;
  return { ...position, revision: message.sequence };
}

/**
 * Durable once it resolves. `revision` is that of the position it replaces, 0 for none. Resolves to
 * false if another process was faster. Rejects with a PublishError.
 */
export async function writeConfirmed(
  log: Log,
  part: StreamPart,
  destination: string,
  position: ConfirmedPosition,
  revision: number,
): Promise<boolean> {
  const { upTo, missing, lastFound } = position;
  const text = JSON.stringify({ upTo, missing, lastFound });
  const subject = subjectOf(part, destination);
  return (await storeUnlessChanged(log, 'LEDGER', subject, revision, text)) !== undefined;
}

/** For a destination that is removed. Rejects when the log cannot be reached. */
export async function forgetConfirmed(
  log: Log,
  part: StreamPart,
  destination: string,
): Promise<void> {
  const { streams } = clientsOf(log).manager;
  await streams.purge('LEDGER', { filter: subjectOf(part, destination) });
}

/**
 * Does the work while no other process confirms the deliveries of the destination. Resolves to
 * undefined if one does. A process that crashed, or needs longer than `claimMs`, no longer counts.
 */
export async function whileConfirming<Value>(
  log: Log,
  destination: string,
  work: () => Promise<Value>,
): Promise<Value | undefined> {
  const claim = await storeUnlessChanged(log, 'CLAIMS', subjects.confirming(destination), 0, '');
  if (claim === undefined) return undefined;
  try {
    return await work();
  } finally {
    // If it cannot be released now, it expires.
    await deleteMessage(log, 'CLAIMS', claim.sequence).catch(() => {});
  }
}
