import type { Config } from '../../config/config.ts';
import type { NatsIntake } from '../../config/intake/nats-intake.ts';
import { StartError } from '../../errors.ts';
import { OtherStreamFault } from '../../jetstream/other/inspect-consumer.ts';
import { openOtherStream } from '../../jetstream/other/other-stream.ts';
import { checkSourceFiles, readNatsSource } from '../../nats-intake/source-server.ts';
import { addressOf } from '../running-log.ts';
import { oneLine } from '../terminal/print.ts';
import type { CheckFindings } from '../../doctor/finding.ts';

/** Connects to the NATS of each source of `intake.nats` and reads its consumer. It takes no message. */
export async function checkIntake(
  findings: CheckFindings,
  config: Config,
  isLogReached: boolean,
): Promise<void> {
  for (const entry of config.intake.nats) {
    if (entry.server === undefined && !isLogReached) {
      findings.skipped(
        `${entry.source}: its stream is in the NATS of the log, which was not reached`,
        'Run this again while the gate runs.',
      );
    } else await checkSource(findings, config, entry);
  }
}

async function checkSource(
  findings: CheckFindings,
  config: Config,
  entry: NatsIntake,
): Promise<void> {
  const { source, stream, consumer } = entry;
  try {
    const read = readNatsSource(entry, () => addressOf(config));
    checkSourceFiles(read);
    const opened = await openOtherStream(
      read.server,
      { stream, consumer },
      `headgate doctor ${source}`,
    );
    await opened.close();
    const { pending } = opened.state;
    findings.ok(
      `${source}: ${pending.toLocaleString('en')} messages of ${stream} wait for the consumer ${consumer}`,
    );
  } catch (error) {
    if (!(error instanceof OtherStreamFault || error instanceof StartError)) throw error;
    findings.failure(
      `${source}: ${oneLine(error.message)}`,
      `See docs/send/from-nats.md, or fix intake.nats.${source}. Its messages wait in their stream.`,
    );
  }
}
