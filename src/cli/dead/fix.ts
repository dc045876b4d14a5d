import { Code, ConnectError } from '@connectrpc/connect';
import type { Command } from 'commander';

import type { EventEdit } from '../../../gen/headgate/v1/event_edit_pb.ts';
import { StartError } from '../../errors.ts';
import type { CommandContext } from '../command-context.ts';
import { confirm } from '../terminal/confirm.ts';
import type { DeadClient } from './filter.ts';
import { addSet, addUnset } from '../terminal/edit-options.ts';
import { editText } from '../terminal/edit-text.ts';

interface FixOptions {
  readonly set?: readonly EventEdit[];
  readonly unset?: readonly EventEdit[];
  readonly json?: true;
}

/** `headgate dead fix`: changes the event of a dead letter. The gate validates it again. */
export function addFixCommand(
  dead: Command,
  client: () => DeadClient,
  env: CommandContext['env'],
): void {
  dead
    .command('fix <id>')
    .description('change the event, in $EDITOR or with --set, so that it can be replayed')
    .option('--set <path=value>', 'set a member to JSON, else to text: properties.total=12', addSet)
    .option('--unset <path>', 'remove a member: properties.totl', addUnset)
    .option('--json', 'print JSON')
    .action((id: string, options: FixOptions) => {
      const edits = [...(options.unset ?? []), ...(options.set ?? [])];
      return edits.length > 0
        ? setFields(client(), id, edits, options)
        : edit(client(), id, options, env);
    });
}

async function setFields(
  client: DeadClient,
  id: string,
  edits: EventEdit[],
  options: FixOptions,
): Promise<void> {
  const { revision } = await client.call((service) => service.fixDeadLetter({ id, edits }));
  printFixed(id, revision, options);
}

async function edit(
  client: DeadClient,
  id: string,
  options: FixOptions,
  env: CommandContext['env'],
): Promise<void> {
  const { eventJson, revision } = await client.call((service) => service.getDeadLetter({ id }));
  if (eventJson === '') {
    throw new StartError(`The event of ${id} cannot be read: discard it, or replay it as it is.`);
  }
  for (let text = eventJson; ;) {
    text = await editText(text, env);
    try {
      const fixed = await client.call((service) =>
        service.fixDeadLetter({ id, eventJson: text, revision }),
      );
      printFixed(id, fixed.revision, options);
      return;
    } catch (error) {
      const isRefused = ConnectError.from((error as Error).cause).code === Code.InvalidArgument;
      if (!isRefused) throw error;
      const again = await confirm(`${(error as Error).message}\nEdit it again?`);
      if (again !== true) throw error;
    }
  }
}

function printFixed(id: string, revision: bigint, { json }: FixOptions): void {
  const text = json
    ? JSON.stringify({ id, fixed: true, revision: String(revision) })
    : `fixed ${id}; deliver it with: headgate dead replay ${id}`;
  process.stdout.write(`${text}\n`);
}
