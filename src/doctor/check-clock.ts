import { readServerTimeMs } from '../jetstream/server/inspect-server.ts';
import type { Log } from '../jetstream/log.ts';
import type { CheckFindings } from './finding.ts';

const skewMsMax = 1_000;
const skewMsBad = 60_000;

/** Compares the clock of this machine with that of NATS. */
export async function checkClock(findings: CheckFindings, log: Log): Promise<void> {
  const before = Date.now();
  const serverMs = await readServerTimeMs(log);
  const after = Date.now();
  if (serverMs === undefined) {
    findings.skipped('this NATS does not report its time');
    return;
  }
  // NATS read its clock somewhere in between.
  const ahead = before > serverMs ? before - serverMs : serverMs > after ? after - serverMs : 0;
  const found = `this machine is ${Math.abs(ahead)} ms ${ahead > 0 ? 'ahead of' : 'behind'} NATS`;
  const fix = 'Let both follow a time server (chrony, systemd-timesyncd).';
  if (Math.abs(ahead) > skewMsBad) findings.failure(found, fix);
  else if (Math.abs(ahead) > skewMsMax) findings.warning(found, fix);
  else findings.ok(`this machine and NATS agree to the second`);
}
