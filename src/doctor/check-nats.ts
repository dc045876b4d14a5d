import type { Config } from '../config/config.ts';
import { wantedTopology } from '../jetstream/wanted-topology.ts';
import type { Log } from '../jetstream/log.ts';
import {
  accountBytesMax,
  countReplicas,
  inspectStreams,
  openPartitions,
  type StreamCheck,
  type StreamSize,
} from '../jetstream/server/inspect-server.ts';
import { checkSync } from './check-servers.ts';
import { sizeText, type CheckFindings } from './finding.ts';

/** Headers besides the payload. service.ts requires the same. */
const headersBytesMax = 4096;
const fullShare = 0.95;
const fillingShare = 0.8;

/** `roomBytes` is the space on the embedded server's disk. Undefined for an external server. */
export async function checkStreams(
  findings: CheckFindings,
  config: Config,
  log: Log,
  roomBytes: number | undefined,
): Promise<void> {
  const needed = config.limits.eventBytesMax + headersBytesMax;
  if (log.messageBytesMax() < needed) {
    findings.failure(
      `NATS takes messages of ${log.messageBytesMax()} bytes, and an event may have ${needed}`,
      'Raise max_payload of the server, or lower limits.event_bytes_max.',
    );
  }
  const { sizes, checks } = await inspectStreams(
    log,
    wantedTopology(config, config.log.storageBytesMax),
  );
  reportChecks(findings, config, checks);
  checkPartitions(findings, config, log);
  let limits = 0;
  for (const size of sizes) {
    limits += Math.max(0, size.bytesMax);
    checkFill(findings, size);
  }
  if (roomBytes !== undefined && limits > roomBytes) {
    findings.failure(
      `the streams may take ${sizeText(limits)}, and the disk has ${sizeText(roomBytes)} for them: one that is full freezes them`,
      'Free some, or start the gate again: it lowers their limits to what the disk has.',
    );
  }
  const accountMax = await accountBytesMax(log);
  if (accountMax > 0 && accountMax < limits) {
    findings.warning(
      `the account may store ${sizeText(accountMax)}, and its streams may take ${sizeText(limits)}`,
      'Raise the limit of the account, or lower log.storage_bytes_max.',
    );
  }
}

function checkPartitions(findings: CheckFindings, config: Config, log: Log): void {
  const count = openPartitions(log);
  if (count === config.log.partitions) return;
  findings.warning(
    `the log has ${count} partitions, and log.partitions is ${config.log.partitions}`,
    `Set log.partitions to ${count}, or change the log: headgate partitions set ${config.log.partitions}.`,
  );
}

function reportChecks(
  findings: CheckFindings,
  config: Config,
  checks: readonly StreamCheck[],
): void {
  const mend =
    'Start a gate with these settings: it makes what is missing and brings the rest up to date.';
  let sound = 0;
  for (const check of checks) {
    if (!check.exists) {
      findings.failure(`the stream ${check.name} is not there`, mend);
      continue;
    }
    const drift = check.drift.filter(
      // The embedded server's limits are lowered to what its disk had at the start.
      ({ setting, found, wanted }) =>
        setting !== 'max_bytes' ||
        config.nats.url !== undefined ||
        (found as number) > (wanted as number),
    );
    if (drift.length > 0) {
      const differences = drift.map(
        ({ setting, found, wanted }) =>
          `${setting} is ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`,
      );
      findings.warning(
        `the stream ${check.name} is not as these settings want it: ${differences.join('; ')}`,
        mend,
      );
    } else sound += 1;
    if (check.lateReplicas.length > 0) {
      findings.warning(
        `the stream ${check.name} waits for its replicas on ${check.lateReplicas.join(', ')}`,
        'Look at those servers: one more that goes and the stream takes nothing.',
      );
    }
  }
  if (sound === checks.length) findings.ok(`${sound} streams, as these settings want them`);
}

function checkFill(
  findings: CheckFindings,
  { name, bytes, bytesMax: max, dropsOldest }: StreamSize,
): void {
  // A stream that drops its oldest messages is always full in the end.
  if (max <= 0 || dropsOldest) return;
  const share = bytes / max;
  if (share < fillingShare) return;
  const found = `the stream ${name} holds ${sizeText(bytes)} of ${sizeText(max)}`;
  const mend =
    'See who does not deliver (headgate destinations), shorten log.retention_min, or raise log.storage_bytes_max.';
  if (share >= fullShare) findings.failure(`${found}: it will soon refuse events`, mend);
  else findings.warning(found, mend);
}

/** What an acknowledgement guarantees. */
export async function checkDurability(
  findings: CheckFindings,
  config: Config,
  log: Log | undefined,
): Promise<void> {
  const { durability } = config;
  if (durability === 'fsync') {
    findings.ok('fsync: the gate syncs each group of events to the disk before it answers');
  } else if (durability === 'async') {
    findings.warning(
      'async: a power cut may take the last two minutes of what was acknowledged',
      'Use fsync with the embedded server, or replicated with a cluster.',
    );
  } else if (log !== undefined) {
    const { wanted, servers } = await countReplicas(log);
    if (wanted < 3 || servers < 3) {
      findings.failure(
        `replicated: EVENTS is held by ${servers} servers, so that there is no quorum to outlive one`,
        'Run three servers, and start a gate again.',
      );
    } else findings.ok(`replicated: held by ${servers} servers`);
    await checkSync(findings, config, log);
  }
}
