import type { ContractsInForce, EventContract } from '../../../event/contracts/event-contract.ts';
import type { Delivery, Destination } from '../../destination.ts';
import { readEvent } from '../../readable-event.ts';
import { createContractTables, type ContractTables } from '../../tables/contract-tables.ts';
import { pack } from '../../writer-thread/packed-batch.ts';
import {
  createThreadDestination,
  type BatchReply,
} from '../../writer-thread/thread-destination.ts';
import { startWriterThread, type WriterThread } from '../../writer-thread/writer-thread.ts';
import { parquetDialect } from '../typed-columns.ts';
import type { KnownVersions, SpoolData, SpoolReply } from './writer.ts';

/** Events per commit. They share its sync. */
const batchEventsMax = 2_000;

/** While one batch is being written, the next one is packed and ready. */
const concurrency = 2;

export type Spool = Pick<Destination, 'batchEventsMax' | 'concurrency' | 'deliver' | 'close'>;

type Thread = WriterThread<KnownVersions, SpoolReply>;

/**
 * Puts each batch into the spool, in one transaction that is synced to disk before its events are reported
 * delivered. Second copies are taken, too: the exporter refuses them.
 *
 * @param contracts for files with typed columns: an event of a version that is not known here waits.
 */
export async function createSpoolWriter(
  name: string,
  data: SpoolData,
  contracts?: ContractsInForce,
): Promise<Spool> {
  const versions = createContractTables({ dialect: parquetDialect });
  /** The contracts whose versions a thread knows. */
  const sent = new WeakMap<Thread, readonly EventContract[]>();

  const write = async (thread: Thread, batch: readonly Delivery[]): Promise<BatchReply> => {
    const inForce = contracts?.();
    if (inForce !== undefined && inForce !== sent.get(thread)) {
      thread.tell(new Map(inForce.map(({ name: event, schemas }) => [event, schemas.length])));
      versions.use(inForce);
      sent.set(thread, inForce);
    }
    const reply = await thread.write(pack(batch), { isAnyVersion: contracts === undefined });
    if (reply.kind !== 'newer') return reply;
    expectVersions(versions, batch);
    // They are of contracts that are gone, or have waited for long enough.
    const again = await thread.write(pack(batch), { isAnyVersion: true });
    return again.kind === 'newer'
      ? { kind: 'failed', reason: 'newer contracts are awaited' }
      : again;
  };
  return {
    batchEventsMax,
    concurrency,
    ...(await createThreadDestination<Thread>({
      name,
      file: data.file,
      start: (onEnd) => {
        const program = new URL('./writer.ts', import.meta.url);
        return startWriterThread({ program, name: 'headgate-spool', data }, onEnd);
      },
      write,
    })),
  };
}

/** Throws if an event has to wait for a version of its contract. */
function expectVersions(versions: ContractTables, batch: readonly Delivery[]): void {
  for (const delivery of batch) {
    const event = readEvent(delivery);
    if (typeof event !== 'string') versions.expectVersion(event);
  }
}
