import type { Config } from '../config/config.ts';
import type { Log } from '../jetstream/log.ts';
import { connectedServer } from '../jetstream/server/inspect-server.ts';
import { knownFaultsOf } from '../jetstream/server/known-faults.ts';
import { readLogServers } from '../jetstream/server/server-sync.ts';
import { spanText } from '../event/time/span-text.ts';
import type { CheckFindings } from './finding.ts';

/** Faults of the connected nats-server that concern this set-up. */
export function checkKnownFaults(findings: CheckFindings, config: Config, log: Log): void {
  const { version } = connectedServer(log);
  const faults = knownFaultsOf(version, { replicated: config.durability === 'replicated' });
  for (const { text, fixedIn, link } of faults) {
    findings.warning(
      `nats-server ${version} has a known fault: ${text}`,
      `Upgrade to ${fixedIn} or newer: ${link}`,
    );
  }
}

/** Whether each server of a cluster syncs a message before it acknowledges it. */
export async function checkSync(findings: CheckFindings, config: Config, log: Log): Promise<void> {
  const servers = await readLogServers(log, config.nats.monitorUrls);
  for (const { name, sync, intervalMs = 0 } of servers) {
    if (sync === 'lazy') {
      findings.warning(
        `${name} acknowledges events before it syncs them, which it does every ${spanText(intervalMs)}: a power cut there can lose acknowledged events`,
        'Set sync_interval: always in its jetstream block, and restart the servers one by one.',
      );
    } else if (sync === 'unknown') {
      findings.warning(
        `it is not known whether ${name} syncs events before it acknowledges them`,
        'Set sync_interval: always in its jetstream block, and name its monitoring port in nats.monitor_url.',
      );
    }
  }
  if (servers.every(({ sync }) => sync === 'always')) {
    findings.ok(`${servers.length} servers sync each event before they acknowledge it`);
  }
}
