import { ServiceError } from '../errors.ts';
import type { Log } from '../jetstream/log.ts';
import { deleteMessage, readMessage, type StoredMessage } from '../jetstream/read/read.ts';
import { kindOf, settlesHeader } from './dead-letter-entry.ts';
import type { DeadLetterIndex } from './dead-letter-index.ts';
import { createEntryLocks, refuseBusy, type ChangeName } from './entry-locks.ts';
import { replaces } from './recover.ts';

/** A fix, a replay or a discard of an entry. */
export interface DeadLetterChange<Value> {
  readonly name: ChangeName;
  /** Stores the message that replaces the entry. */
  store(entry: StoredMessage): Promise<Value>;
  /**
   * The result, if this message in the place of the entry is what the same change has stored before;
   * undefined if it is of another change, which may be changed in turn. Throws a ServiceError if not.
   */
  repeated(entry: StoredMessage, replacement: StoredMessage): Value | undefined;
}

/**
 * Makes one change at a time to the newest entry with this id, and deletes that entry once its
 * replacement is stored.
 *
 * The acknowledgement of a change may be lost: its replacement is stored, its caller got an error,
 * and the entry is still there. The next change finds both. It completes the earlier one, by
 * deleting the entry, and goes on with the newer entry if its caller means that one.
 */
export type SettleEntry = <Value>(
  id: string,
  revision: number,
  change: DeadLetterChange<Value>,
) => Promise<Value>;

export function createSettle(log: Log, index: DeadLetterIndex): SettleEntry {
  const locks = createEntryLocks(log);

  const remove = async (id: string, { sequence }: StoredMessage): Promise<void> => {
    // Delete the entry only after its replacement is stored: a crash may leave both, never neither.
    await deleteMessage(log, 'DEAD', sequence);
    index.forget(id, sequence);
    await log.syncStream('DEAD');
  };
  /** Removes the entry of an earlier change, whose replacement may not be synced yet. */
  const complete = async (id: string, entry: StoredMessage): Promise<void> => {
    await Promise.all([log.syncStream('DEAD'), log.syncStream('REPLAY')]);
    await remove(id, entry);
  };
  /** What is stored in the place of an entry, by a change whose end its caller does not know. */
  const replacementOf = async (
    id: string,
    entry: StoredMessage,
  ): Promise<StoredMessage | undefined> => {
    const replacement = await index.replacementOf(id, entry.sequence);
    return replacement !== undefined && replaces(replacement, entry) ? replacement : undefined;
  };
  const isReplaced = async (id: string, sequence: number): Promise<boolean> => {
    await index.refresh();
    const entry = await readMessage(log, 'DEAD', sequence);
    return entry === undefined || (await replacementOf(id, entry)) !== undefined;
  };
  /** Undefined if the entry has been replaced, and the newer one is to be changed. */
  const tryOnce = async <Value>(
    id: string,
    revision: number,
    change: DeadLetterChange<Value>,
  ): Promise<{ readonly value: Value } | undefined> => {
    const { sequence } = (await index.find(id)) ?? refuseUnknown(id);
    const isStored = (): Promise<boolean> => isReplaced(id, sequence);
    return locks.hold({ sequence, change: change.name, isStored }, async (lock) => {
      await index.refresh();
      const entry = (await readMessage(log, 'DEAD', sequence)) ?? refuseUnknown(id);
      const replacement = await replacementOf(id, entry);
      if (replacement !== undefined) {
        await complete(id, entry);
        if (kindOf(replacement) === 'dead' && revision === replacement.sequence) return undefined;
        const value = change.repeated(entry, replacement);
        return value === undefined ? undefined : { value };
      }
      const former = await formerOf(log, entry);
      if (former !== undefined) {
        const isThere = (): Promise<boolean> => Promise.resolve(true);
        const request = { sequence: former.sequence, change: 'fix', isStored: isThere } as const;
        await locks.hold(request, () => complete(id, former));
        const value = revision === sequence ? undefined : change.repeated(former, entry);
        if (value !== undefined) {
          await lock.release();
          return { value };
        }
      }
      checkRevision(id, entry, revision);
      if (!lock.isHeld()) throw refuseBusy();
      const value = await change.store(entry);
      await remove(id, entry);
      return { value };
    });
  };
  return async (id, revision, change) => {
    for (;;) {
      const done = await tryOnce(id, revision, change);
      if (done !== undefined) return done.value;
    }
  };
}

/** The entry that this one has replaced, if it is still there. */
async function formerOf(log: Log, entry: StoredMessage): Promise<StoredMessage | undefined> {
  const settled = Number(entry.header(settlesHeader));
  if (!(settled > 0)) return undefined;
  const former = await readMessage(log, 'DEAD', settled);
  return former !== undefined && replaces(entry, former) ? former : undefined;
}

export function refuseUnknown(id: string): never {
  throw new ServiceError('dead_letter_not_found', `There is no dead letter ${id}.`);
}

export function refuseChanged(id: string): never {
  throw new ServiceError(
    'dead_letter_changed',
    `The dead letter ${id} has changed since it was read.`,
  );
}

function checkRevision(id: string, entry: StoredMessage, revision: number): void {
  if (revision !== 0 && revision !== entry.sequence) refuseChanged(id);
}
