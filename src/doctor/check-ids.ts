import { spanText } from '../event/time/span-text.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../jetstream/log.ts';
import { countIdsInWindow, type IdsInWindow } from '../jetstream/read/ids-in-window.ts';
import { emptyServerBytes, idBytes } from '../jetstream/server/server-memory.ts';
import { sizeText, type CheckFindings } from './finding.ts';
import { serverMemoryBytes } from './store-room.ts';

/** Above it, a busier hour would reach the limit. */
const nearShare = 0.8;

/** Whether nats-server's memory is enough for its table of message ids. */
export async function checkIds(findings: CheckFindings, config: Config, log: Log): Promise<void> {
  const memoryBytes = config.nats.url === undefined ? serverMemoryBytes(config) : undefined;
  compareIds(findings, await countIdsInWindow(log), memoryBytes);
}

/**
 * `memoryBytes` is what the embedded server may use. Undefined if that is not known, as for an
 * external server.
 */
export function compareIds(
  findings: CheckFindings,
  { windowMs, ids, idsAtPresentRate }: IdsInWindow,
  memoryBytes: number | undefined,
): void {
  const count = Math.round(Math.max(ids, idsAtPresentRate));
  const needed = emptyServerBytes + count * idBytes;
  const what =
    `the dedup window of ${spanText(windowMs)} has ${count.toLocaleString('en')} ids at the present ` +
    `rate, for which nats-server needs ${sizeText(needed)}`;
  if (memoryBytes === undefined) {
    findings.ok(`${what} on each server of NATS`);
    return;
  }
  const found = `${what} of the ${sizeText(memoryBytes)} that it may use`;
  const fix =
    'Shorten log.dedup_window, or give it more memory (GOMEMLIMIT; half of the memory by default).';
  if (needed > memoryBytes) {
    findings.failure(`${found}: it becomes slow, and then the system may end it`, fix);
  } else if (needed > memoryBytes * nearShare) findings.warning(found, fix);
  else findings.ok(found);
}
