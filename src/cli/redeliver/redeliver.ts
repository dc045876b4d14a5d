import { Command } from 'commander';

import { RedeliveryService } from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { connectAdmin, type AdminOptions } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';
import { readCountUpTo, readMoment } from '../terminal/option-values.ts';
import { followRedelivery } from './follow.ts';
import { changeRedelivery, listRedeliveries } from './manage.ts';
import type { RedeliverOptions, RedeliveryClient } from './request.ts';
import { redeliver } from './start.ts';

const rateMax = 20_000;

/** `headgate redeliver`: sends events to a destination again. Calls the admin port. */
export function redeliverCommand({ env }: CommandContext): Command {
  const command = new Command('redeliver')
    .description('send events of the log to a destination again, or only what it does not have')
    .option('--destination <name>', 'the destination')
    .option('--since <time>', 'stored since: 24h ago, or 2026-03-01T12:00:00Z', readMoment)
    .option('--until <time>', 'stored before then (default: now)', readMoment)
    .option('--event <name>', 'of this event alone; order_* is a pattern')
    .option('--source <name>', 'of this source alone; shop-* is a pattern')
    .option('--user <id>', 'of the person with this user id or anonymous id')
    .option('--missing', 'only what the destination should have and does not')
    .option('--rate <count>', 'at most so many per second (default: 1000)', readCountUpTo(rateMax))
    .option('--dry-run', 'show what would be sent, and do nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText('after', `${help}\n\n${adminTokenHelp}`);
  const options = (): RedeliverOptions => command.opts<RedeliverOptions>();
  const client = (): RedeliveryClient =>
    connectAdmin(RedeliveryService, command.opts<AdminOptions>(), env);
  command.action(() => redeliver(client(), options(), command));
  command
    .command('list')
    .description('show the newest redelivery to each destination')
    .action(() => listRedeliveries(client(), options()));
  command
    .command('follow <id>')
    .description('show the progress of a redelivery until it ends')
    .action((id: string) => followRedelivery(client(), id, options()));
  for (const [name, description] of changes) {
    command
      .command(`${name} <id>`)
      .description(description)
      .action((id: string) => changeRedelivery(client(), name, id, options()));
  }
  return command;
}

const changes = [
  ['pause', 'stop sending until it is resumed'],
  ['resume', 'go on where it was paused'],
  ['cancel', 'end a redelivery; what was sent stays sent'],
] as const;

const help = `
Events keep their event_id. A worker of the gate does the work, beside fresh events, which do not wait
for it: it goes on when this command ends.

Exit code: 0 when everything was sent, 1 when it failed, was cancelled, or goes on without this command.

Examples:
  $ headgate redeliver --destination crm --since 24h --dry-run
  $ headgate redeliver --destination crm --since 24h --event 'order_*' --rate 200
  $ headgate redeliver --destination warehouse --since 7d --missing
  $ headgate redeliver list`;
