import { StartError } from '../../../errors.ts';
import type { ContractsInForce, EventContract } from '../../../event/contracts/event-contract.ts';
import {
  delivered,
  stoppedText,
  type Delivery,
  type Destination,
  type Outcome,
} from '../../destination.ts';
import { readEvent } from '../../readable-event.ts';
import { createContractTables, type ContractTables } from '../../tables/contract-tables.ts';
import { parquetDialect } from '../typed-columns.ts';
import type { PackedBatch } from '../../sqlite/warehouse.ts';
import { startSpoolThread, type SpooledReply, type SpoolThread } from './thread.ts';
import type { SpoolData } from './writer.ts';

/** Events per commit. They share its sync. */
const batchEventsMax = 2_000;

/** While one batch is being written, the next one is packed and ready. */
const concurrency = 2;

export type Spool = Pick<Destination, 'batchEventsMax' | 'concurrency' | 'deliver' | 'close'>;

/**
 * Puts each batch into the spool, in one transaction that is synced to disk before its events are reported
 * delivered. Second copies are taken, too: the exporter refuses them.
 *
 * The spool is written by a thread. If the thread ends unexpectedly, the batch in progress fails, and
 * the next batch starts another thread.
 *
 * @param contracts for files with typed columns: an event of a version that is not known here waits.
 */
export async function createSpoolWriter(
  name: string,
  data: SpoolData,
  contracts?: ContractsInForce,
): Promise<Spool> {
  const versions = createContractTables({ dialect: parquetDialect });
  /** The contracts that the thread knows the versions of. */
  let sent: readonly EventContract[] | undefined;
  let thread: Promise<SpoolThread> | undefined;
  let closing: Promise<void> | undefined;

  const open = (): Promise<SpoolThread> => {
    if (thread !== undefined) return thread;
    const opened = startSpoolThread(data, () => {
      if (thread !== opened) return;
      thread = undefined;
      sent = undefined;
    });
    thread = opened;
    return opened;
  };

  const writeKnown = async (
    writer: SpoolThread,
    batch: readonly Delivery[],
  ): Promise<SpooledReply> => {
    const inForce = contracts?.();
    if (inForce !== undefined && inForce !== sent) {
      writer.use(new Map(inForce.map(({ name: event, schemas }) => [event, schemas.length])));
      versions.use(inForce);
      sent = inForce;
    }
    const reply = await writer.write(pack(batch), contracts === undefined);
    if (reply.kind !== 'newer') return reply;
    expectVersions(versions, batch);
    // They are of contracts that are gone, or have waited for long enough.
    return writer.write(pack(batch), true);
  };
  const write = (batch: readonly Delivery[]): Promise<SpooledReply> =>
    open()
      .then((writer) => writeKnown(writer, batch))
      .catch((error: Error) => ({ kind: 'failed', reason: error.message }));

  const close = async (): Promise<void> => {
    const writer = await thread?.catch(() => undefined);
    await writer?.close();
  };

  try {
    await open();
  } catch (error) {
    throw new StartError(
      `destinations.${name}.path: cannot use ${data.file} as the database: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return {
    batchEventsMax,
    concurrency,
    async deliver(batch, signal) {
      if (batch.length === 0) return [];
      if (closing !== undefined) return failAll(batch, 'the destination is closed');
      if (signal.aborted) return failAll(batch, stoppedText);
      const reply = await orAborted(write(batch), signal);
      if (reply.kind !== 'written') return failAll(batch, reasonOf(reply));
      const outcomes = Array.from<Outcome>({ length: batch.length }).fill(delivered);
      for (const { index, reason } of reply.refused) outcomes[index] = { kind: 'dead', reason };
      return outcomes;
    },
    close: () => (closing ??= close()),
  };
}

/** Throws if an event has to wait for a version of its contract. */
function expectVersions(versions: ContractTables, batch: readonly Delivery[]): void {
  for (const delivery of batch) {
    const event = readEvent(delivery);
    if (typeof event !== 'string') versions.expectVersion(event);
  }
}

function reasonOf(reply: Exclude<SpooledReply, { kind: 'written' }>): string {
  return reply.kind === 'failed' ? reply.reason : 'newer contracts are awaited';
}

function failAll(batch: readonly Delivery[], reason: string): Outcome[] {
  return batch.map(() => ({ kind: 'retry', fault: 'destination', reason }));
}

/** The batch may still be written after an abort; when it comes again, its ids are known. */
function orAborted(written: Promise<SpooledReply>, signal: AbortSignal): Promise<SpooledReply> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve({ kind: 'failed', reason: stoppedText });
    signal.addEventListener('abort', onAbort, { once: true });
    written.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}

/** Copies the payloads into memory that can be transferred to the thread. */
function pack(batch: readonly Delivery[]): PackedBatch {
  let length = 0;
  for (const { payload } of batch) length += payload.length;
  // Neither pooled (a pool cannot be transferred) nor zeroed (every byte is written).
  const bytes = Buffer.allocUnsafeSlow(length);
  const ends = new Uint32Array(batch.length);
  const sequences = new Float64Array(batch.length);
  let end = 0;
  for (const [index, { payload, sequence }] of batch.entries()) {
    bytes.set(payload, end);
    end += payload.length;
    ends[index] = end;
    sequences[index] = sequence;
  }
  return { bytes, ends, sequences };
}
