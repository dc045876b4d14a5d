import { ServiceError } from '../errors.ts';
import { isJsonObject } from '../event/json/json.ts';
import type { Log } from '../jetstream/log.ts';
import { mayBeStored } from '../jetstream/publish/publish-error.ts';
import { storeUnlessChanged } from '../jetstream/publish/store-if-unchanged.ts';
import {
  deleteMessage,
  newestPosition,
  readMessage,
  type StoredMessage,
} from '../jetstream/read/read.ts';
import { claimMs, subjects } from '../jetstream/topology.ts';

/** What is done to a dead letter. */
export type ChangeName = 'replay' | 'discard' | 'fix';

/** The lock of an entry, for who holds it. */
export interface EntryLock {
  /** False once it may expire before a message is stored: store nothing more. */
  isHeld(): boolean;
  /** For work that leaves the entry in its place. */
  release(): Promise<void>;
}

/** Who wants the lock of an entry. */
export interface LockRequest {
  /** The position of the entry in DEAD. */
  readonly sequence: number;
  readonly change: ChangeName;
  /** Whether an earlier change of the entry is stored by now. */
  isStored(): Promise<boolean>;
}

/** Locks of dead letters, so that one caller at a time changes an entry. */
export interface EntryLocks {
  /**
   * Does the work while it holds the lock of the entry. The lock applies to all processes. Throws a
   * ServiceError `dead_letter_busy` if another caller holds it, or has made another change that may
   * still be stored.
   */
  hold<Value>(request: LockRequest, work: (lock: EntryLock) => Promise<Value>): Promise<Value>;
}

/**
 * A lock is a message in CLAIMS on a subject of its own, which the log accepts only if the subject
 * has no message yet. The work deletes the entry, so the lock may expire by age (`claimMs`), as the
 * lock of a crashed process does. If the work fails, the lock is released at once.
 *
 * If the log has not answered, the change may still be stored, later than a change of the next
 * caller. Then the lock stays, and says which change it was: the same one takes it over, because the
 * log stores one of the two. Another one waits until the first is there, or can no longer come.
 */
export function createEntryLocks(log: Log): EntryLocks {
  return {
    hold: async (request, work) => {
      const startedAt = performance.now();
      const { position, isShared } = await acquire(log, request);
      const lock: EntryLock = {
        isHeld: () => performance.now() - startedAt < claimMs / 2,
        // If it cannot be released now, it expires.
        release: () => deleteMessage(log, 'CLAIMS', position).catch(() => {}),
      };
      try {
        return await work(lock);
      } catch (error) {
        if (isShared || mayBeStored(error)) await keep(log, request, position);
        else await lock.release();
        throw error;
      }
    },
  };
}

interface Acquired {
  /** Of the lock in CLAIMS. */
  readonly position: number;
  /** The same change, of another caller, may still be stored. */
  readonly isShared: boolean;
}

async function acquire(log: Log, request: LockRequest): Promise<Acquired> {
  const position = await storeLock(log, request, 0);
  if (position !== undefined) return { position, isShared: false };
  const before = await readLock(log, request);
  const unanswered = before === undefined ? undefined : unansweredIn(before);
  if (before === undefined || unanswered === undefined) throw refuseBusy();
  const isShared = !(await request.isStored());
  if (isShared && unanswered !== request.change) {
    throw refuseBusy(
      `A ${unanswered} of this dead letter at ${textOf(before.storedAtMs)} has no answer yet. ` +
        `Do the same again, or something else from ${textOf(before.storedAtMs + claimMs)} on.`,
    );
  }
  const taken = await storeLock(log, request, before.sequence);
  if (taken === undefined) throw refuseBusy();
  await deleteMessage(log, 'CLAIMS', before.sequence).catch(() => {});
  return { position: taken, isShared };
}

/** Leaves the lock to those who make the same change. Without that, it keeps everyone out. */
async function keep(log: Log, request: LockRequest, position: number): Promise<void> {
  try {
    if ((await storeLock(log, request, position, request.change)) === undefined) return;
    await deleteMessage(log, 'CLAIMS', position);
  } catch {
    // The log is away. The lock expires.
  }
}

/** Undefined if the newest lock of the entry is not the expected one. */
async function storeLock(
  log: Log,
  { sequence }: LockRequest,
  expected: number,
  unanswered?: ChangeName,
): Promise<number | undefined> {
  const text = JSON.stringify({ at: new Date().toISOString(), unanswered });
  const ack = await storeUnlessChanged(log, 'CLAIMS', subjects.claim(sequence), expected, text);
  return ack?.sequence;
}

/** The newest lock of an entry. */
async function readLock(log: Log, request: LockRequest): Promise<StoredMessage | undefined> {
  const position = await newestPosition(log, 'CLAIMS', subjects.claim(request.sequence));
  return position === 0 ? undefined : readMessage(log, 'CLAIMS', position);
}

const decoder = new TextDecoder();

/** Undefined for a lock that is held. Those of earlier releases are a time. */
function unansweredIn({ payload }: StoredMessage): string | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(payload));
    const unanswered = isJsonObject(value) ? value['unanswered'] : undefined;
    return typeof unanswered === 'string' ? unanswered : undefined;
  } catch {
    return undefined;
  }
}

function textOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** The error for who comes second. */
export function refuseBusy(message = 'Another caller is changing this dead letter.'): ServiceError {
  return new ServiceError('dead_letter_busy', message);
}
