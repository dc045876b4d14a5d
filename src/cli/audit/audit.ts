import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';

import { AuditService } from '../../../gen/headgate/v1/audit_service_pb.ts';
import { auditedActions } from '../../operators/audit/audited-rpcs.ts';
import { connectAdmin, type AdminClient, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { readKeyId } from '../keys/key-values.ts';
import { checkDestination, type DestinationCheck } from '../known-destination.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';
import { readCount, readMoment, readOneOf } from '../terminal/option-values.ts';
import { createWalkProgressBar } from '../terminal/walk-progress.ts';
import { openOutput, type OutputOptions } from './output.ts';

interface AuditOptions extends AdminOptions, OutputOptions {
  readonly since: number;
  readonly until?: number;
  readonly operator?: string;
  readonly action?: string;
  readonly destination?: string;
  readonly event?: string;
  readonly key?: string;
  readonly redelivery?: string;
  readonly limit?: number;
}

/** Entries of a request. */
const pageSize = 500;
const sinceDefault = '7d';

/** `headgate audit`: who did what on the admin port, and who read events there. */
export function auditCommand({ env }: CommandContext): Command {
  return new Command('audit')
    .description('say who did what on the admin port, and who read events there; oldest first')
    .addOption(
      new Option('--since <time>', 'since then: 24h ago, or 2026-03-01T12:00:00Z')
        .argParser(readMoment)
        .default(readMoment(sinceDefault), sinceDefault),
    )
    .option('--until <time>', 'before then', readMoment)
    .option('--operator <name>', 'only what this operator did')
    .option(
      '--action <rpc>',
      'only this action, such as ReplayRejected or DiscardDeadLetter',
      readOneOf(auditedActions),
    )
    .option('--destination <name>', 'only what named this destination')
    .option('--event <id>', 'only what named this event: any of its ids, or its number')
    .option('--key <id>', 'only what made, rotated or revoked this write key', readKeyId)
    .option('--redelivery <id>', 'only what started, paused, resumed or ended this redelivery')
    .option('--limit <count>', 'at most so many (default: 1,000 in a table, else all)', readCount)
    .addOption(new Option('--json', 'print one JSON document: a list').conflicts(['ndjson', 'out']))
    .option('--ndjson', 'print JSON, one entry per line; the default into a pipe or a file')
    .option('--out <file>', 'write this file, one entry per line; it appears when it is complete')
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText('after', help)
    .action((options: AuditOptions) =>
      audit(connectAdmin(AuditService, options, env), checkDestination(options, env), options),
    );
}

const help = `
Needs the role admin. Reading the audit log is in the audit log, too. ${adminTokenHelp}

Examples:
  $ headgate audit --event 1d28405d-9185-5e83-b767-44d17a84e516
  $ headgate audit --since 400d --action DiscardRejected
  $ headgate audit --since 2026-03-01T00:00:00Z --out march.ndjson`;

async function audit(
  client: AdminClient<typeof AuditService>,
  check: DestinationCheck,
  options: AuditOptions,
): Promise<void> {
  const output = await openOutput(options);
  const progress = createWalkProgressBar(process.stderr);
  const limit = options.limit ?? output.limit;
  let shown = 0;
  let isCut = false;
  try {
    for await (const { entries, walk, nextPageToken } of pages(client, options)) {
      const left = limit - shown;
      await output.write(entries.slice(0, left));
      shown += Math.min(left, entries.length);
      progress.reached(walk, `${shown.toLocaleString('en')} entries`);
      isCut = entries.length > left || (shown === limit && nextPageToken !== '');
      if (shown === limit) break;
    }
    progress.stop();
    await output.end();
  } catch (error) {
    progress.stop();
    await output.abandon();
    throw error;
  }
  if (shown === 0) {
    await check(options.destination ?? '');
    process.stderr.write('The audit log has no such entry.\n');
  } else if (isCut)
    process.stderr.write(`The first ${shown}; there are more: --limit, or --since.\n`);
}

async function* pages(client: AdminClient<typeof AuditService>, options: AuditOptions) {
  const { since, until, operator = '', action = '', destination = '', event = '' } = options;
  const { key = '', redelivery = '' } = options;
  let pageToken = '';
  do {
    const page = await client.call((service) =>
      service.listAudit({
        operator,
        action,
        destination,
        event,
        key,
        redelivery,
        pageSize,
        pageToken,
        since: timestampFromMs(since),
        ...(until !== undefined && { until: timestampFromMs(until) }),
      }),
    );
    yield page;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
