import type { Config } from '../../config/config.ts';
import { StartError } from '../../errors.ts';
import type { Log } from '../../jetstream/log.ts';
import { findServerBinary, oldestServerVersion } from '../../jetstream/server/server-binary.ts';
import { driftOf, streamSettings } from '../../jetstream/topology.ts';
import { sizeText, type CheckFindings } from './finding.ts';
import { openRunningLog } from '../running-log.ts';

/** The log, where it can be reached; what stands in its way goes to `findings`. */
export async function reachLog(
  findings: CheckFindings,
  config: Config,
  searchPath: string,
): Promise<Log | undefined> {
  const external = config.nats.url !== undefined;
  if (!external) {
    const { path, version } = await findServerBinary({ named: config.nats.serverBin, searchPath });
    findings.ok(`${path} is nats-server ${version}`);
  }
  try {
    const log = await openRunningLog(config);
    const version = log.connection.info?.version ?? '?';
    findings.ok(
      `NATS ${version} answers at ${log.connection.getServer()} (${oldestServerVersion} or newer)`,
    );
    return log;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    if (external) {
      findings.failure(
        error.message,
        'Start it, or mend nats.url; see that this machine may reach it.',
      );
    } else {
      findings.skipped(
        'no nats-server runs on this data directory, so what the log holds was not looked at',
        'Run this again while the gate runs.',
      );
    }
    return undefined;
  }
}

/** Headers beside the payload: service.ts asks for the same. */
const headersBytesMax = 4096;
const fullShare = 0.95;
const fillingShare = 0.8;

type StreamInfo = Awaited<ReturnType<Log['manager']['streams']['info']>>;

/** `roomBytes`: of the disk of the embedded server; undefined for one that is elsewhere. */
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
  const infos = new Map<string, StreamInfo>();
  for await (const info of log.manager.streams.list()) infos.set(info.config.name, info);
  checkDrift(findings, config, infos);
  let limits = 0;
  for (const { config: stream, state } of infos.values()) {
    limits += Math.max(0, stream.max_bytes);
    checkFill(findings, stream, state.bytes);
  }
  if (roomBytes !== undefined && limits > roomBytes) {
    findings.failure(
      `the streams may take ${sizeText(limits)}, and the disk has ${sizeText(roomBytes)} for them: one that is full freezes them`,
      'Free some, or start the gate again: it lowers their limits to what the disk has.',
    );
  }
  const account = await log.manager.getAccountInfo();
  const accountMax = account.limits.max_storage;
  if (accountMax > 0 && accountMax < limits) {
    findings.warning(
      `the account may store ${sizeText(accountMax)}, and its streams may take ${sizeText(limits)}`,
      'Raise the limit of the account, or lower log.storage_bytes_max.',
    );
  }
}

function checkDrift(
  findings: CheckFindings,
  config: Config,
  infos: ReadonlyMap<string, StreamInfo>,
): void {
  const wanted = streamSettings({
    dedupWindowMs: config.log.dedupWindowMs,
    storageBytesMax: config.log.storageBytesMax,
    replicas: config.durability === 'replicated' ? 3 : 1,
    keepsSchemas: config.schemasSource === 'registry',
  });
  const mend =
    'Start a gate with these settings: it makes what is missing and brings the rest up to date.';
  let sound = 0;
  for (const settings of wanted) {
    const info = infos.get(settings.name);
    if (info === undefined) {
      findings.failure(`the stream ${settings.name} is not there`, mend);
      continue;
    }
    // The embedded server's are lowered to what its disk had at the start.
    const drift = driftOf(info.config, settings).filter(
      (key) =>
        key !== 'max_bytes' ||
        config.nats.url !== undefined ||
        info.config.max_bytes > settings.max_bytes!,
    );
    if (drift.length > 0) {
      const differences = drift.map((key) => {
        const name = key as keyof typeof settings;
        return `${key} is ${JSON.stringify(info.config[name])}, wanted ${JSON.stringify(settings[name])}`;
      });
      findings.warning(
        `the stream ${settings.name} is not as these settings want it: ${differences.join('; ')}`,
        mend,
      );
    } else sound += 1;
    const behind =
      info.cluster?.replicas?.filter(({ current, offline }) => offline === true || !current) ?? [];
    if (behind.length > 0) {
      findings.warning(
        `the stream ${settings.name} waits for its replicas on ${behind.map(({ name }) => name).join(', ')}`,
        'Look at those servers: one more that goes and the stream takes nothing.',
      );
    }
  }
  if (sound === wanted.length) findings.ok(`${sound} streams, as these settings want them`);
}

function checkFill(
  findings: CheckFindings,
  { name, max_bytes: max, discard }: StreamInfo['config'],
  bytes: number,
): void {
  // A stream that drops its oldest is always full in the end.
  if (max <= 0 || discard === 'old') return;
  const share = bytes / max;
  if (share < fillingShare) return;
  const found = `the stream ${name} holds ${sizeText(bytes)} of ${sizeText(max)}`;
  const mend =
    'See who does not deliver (headgate destinations), shorten log.retention, or raise log.storage_bytes_max.';
  if (share >= fullShare) findings.failure(`${found}: it takes nothing more soon`, mend);
  else findings.warning(found, mend);
}

/** What an acknowledgement is worth. */
export async function checkDurability(
  findings: CheckFindings,
  { durability }: Config,
  log: Log | undefined,
): Promise<void> {
  if (durability === 'fsync') {
    findings.ok('fsync: the gate syncs each group of events to the disk before it answers');
  } else if (durability === 'async') {
    findings.warning(
      'async: a power cut may take the last seconds of what was acknowledged',
      'Use fsync with the embedded server, or replicated with a cluster.',
    );
  } else if (log !== undefined) {
    const { config, cluster } = await log.manager.streams.info('EVENTS');
    const servers = 1 + (cluster?.replicas?.length ?? 0);
    if (config.num_replicas < 3 || servers < 3) {
      findings.failure(
        `replicated: EVENTS is held by ${servers} servers, so that there is no quorum to outlive one`,
        'Run three servers, and start a gate again.',
      );
    } else
      findings.ok(
        `replicated: held by ${servers} servers. Their sync_interval cannot be read from here`,
      );
  }
}

const skewMsMax = 1_000;
const skewMsBad = 60_000;

/** The clock of this machine against that of NATS. */
export async function checkClock(findings: CheckFindings, log: Log): Promise<void> {
  const before = Date.now();
  const { ts } = (await log.manager.streams.info('EVENTS')) as { readonly ts?: string };
  const after = Date.now();
  const serverMs = Date.parse(ts ?? '');
  if (Number.isNaN(serverMs)) {
    findings.skipped('this NATS does not tell its time');
    return;
  }
  // It was asked somewhere in between.
  const ahead = before > serverMs ? before - serverMs : serverMs > after ? after - serverMs : 0;
  const found = `this machine is ${Math.abs(ahead)} ms ${ahead > 0 ? 'ahead of' : 'behind'} NATS`;
  const mend = 'Let both follow a time server (chrony, systemd-timesyncd).';
  if (Math.abs(ahead) > skewMsBad) findings.failure(found, mend);
  else if (Math.abs(ahead) > skewMsMax) findings.warning(found, mend);
  else findings.ok(`this machine and NATS agree to the second`);
}
