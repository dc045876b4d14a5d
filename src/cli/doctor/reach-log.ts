import type { Config } from '../../config/config.ts';
import { checkKnownFaults } from '../../doctor/check-servers.ts';
import type { CheckFindings } from '../../doctor/finding.ts';
import { StartError } from '../../errors.ts';
import type { Log } from '../../jetstream/log.ts';
import { connectedServer } from '../../jetstream/server/inspect-server.ts';
import { findServerBinary, oldestServerVersion } from '../../jetstream/server/server-binary.ts';
import { openRunningLog } from '../running-log.ts';

/** The log, if it can be reached. Otherwise `findings` has the reason. */
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
    const { version, address } = connectedServer(log);
    findings.ok(`NATS ${version} answers at ${address} (${oldestServerVersion} or newer)`);
    checkKnownFaults(findings, config, log);
    return log;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    if (external) {
      findings.failure(
        error.message,
        'Start it, or fix nats.url; check that this machine can reach it.',
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
