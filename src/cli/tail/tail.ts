import { once } from 'node:events';

import { Command, Option } from 'commander';

import { EventResult_Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import { TailService, type TailResponse } from '../../../gen/headgate/v1/tail_service_pb.ts';
import { StartError } from '../../errors.ts';
import { connectAdmin } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import { readCount, readUser } from '../terminal/option-values.ts';
import { tailJson, tailLine } from './lines.ts';
import { adminOption, adminTokenHelp, configOption } from '../shared-options.ts';

interface TailOptions {
  readonly event?: string;
  readonly source?: string;
  readonly user?: string;
  readonly verdict?: 'accepted' | 'rejected';
  readonly count?: number;
  readonly admin?: string;
  readonly json?: true;
}

/** `headgate tail`: events as they come in. Talks to the admin port. */
export function tailCommand({ env }: CommandContext): Command {
  return new Command('tail')
    .description('follow events as they arrive, accepted and rejected')
    .option('--event <name>', 'only of this name; a glob: order_*')
    .option('--source <name>', 'only of this source; a glob: shop-*')
    .option('--user <id>', 'only of this person: a user_id or an anonymous_id', readUser)
    .addOption(
      new Option('--verdict <verdict>', 'of this verdict').choices(['accepted', 'rejected']),
    )
    .option('--count <number>', 'end after so many', readCount)
    .addOption(adminOption())
    .addOption(configOption())
    .option('--json', 'print JSON, one event per line, with the event itself')
    .addHelpText(
      'after',
      `
Shows what is stored from now on, as it is stored: without what a schema calls personal. A duplicate is
stored nowhere, and not seen. What comes faster than it is read is left out, and counted.

${adminTokenHelp} Ctrl-C ends it.

Exit code: 0 when it was ended, 1 when the gate cannot be reached or went away.

Example:
  $ headgate tail --source checkout --verdict rejected`,
    )
    .action((options: TailOptions) => tail(env, options));
}

const statuses = {
  both: EventResult_Status.STATUS_UNSPECIFIED,
  accepted: EventResult_Status.ACCEPTED,
  rejected: EventResult_Status.REJECTED,
} as const;

async function tail(env: CommandContext['env'], options: TailOptions): Promise<void> {
  const client = connectAdmin(TailService, options, env);
  const leaving = new AbortController();
  const leave = (): void => leaving.abort();
  process.once('SIGINT', leave).once('SIGTERM', leave);
  try {
    await client.call((service) => {
      const request = {
        eventName: options.event ?? '',
        source: options.source ?? '',
        user: options.user ?? '',
        status: statuses[options.verdict ?? 'both'],
      };
      // Without a timeout, because it runs until it is ended.
      return show(service.tail(request, { timeoutMs: 0, signal: leaving.signal }), options);
    });
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  } finally {
    process.off('SIGINT', leave).off('SIGTERM', leave);
    leaving.abort();
  }
}

async function show(answers: AsyncIterable<TailResponse>, options: TailOptions): Promise<void> {
  let shown = 0;
  for await (const { what } of answers) {
    if (what.case === 'started') {
      process.stderr.write('Watching; Ctrl-C ends it.\n');
    } else if (what.case === 'leftOut') {
      if (options.json) await write(`{"left_out":${what.value}}\n`);
      else
        process.stderr.write(
          `${what.value.toLocaleString('en')} left out: they came faster than they were read.\n`,
        );
    } else if (what.case === 'event') {
      await write(options.json ? tailJson(what.value) : tailLine(what.value));
      shown += 1;
      if (shown === options.count) return;
    }
  }
  throw new StartError('The gate has gone away. Start this again once it is back.');
}

/** Waits for a slow reader. The gate then omits events, and reports how many. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}
