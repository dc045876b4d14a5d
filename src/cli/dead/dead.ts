import { toJson, type JsonObject } from '@bufbuild/protobuf';
import { Command } from 'commander';

import { DeadLetterSchema } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import { DeadLetterService } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { parseExactly } from '../../gate/decode/exact-json.ts';
import { connectAdmin } from '../admin-client.ts';
import type { CommandContext } from '../command-context.ts';
import type { DeadClient } from './filter.ts';
import { addFixCommand } from './fix.ts';
import { addListCommand } from './list.ts';
import { addReplayCommand } from './replay.ts';

interface JsonOption {
  readonly json?: true;
}

/** `headgate dead`: the events that a destination could not be given. Talks to the admin port. */
export function deadCommand({ env }: CommandContext): Command {
  const dead = new Command('dead')
    .description('look at dead letters, fix them, replay them, or discard them')
    .option('--admin <url>', 'the admin port (default: HEADGATE_ADMIN_LISTEN)')
    .addHelpText('after', '\nThe token of the admin port is taken from HEADGATE_ADMIN_TOKEN.');
  const client = (): DeadClient =>
    connectAdmin(DeadLetterService, dead.opts<{ admin?: string }>().admin, env);
  addListCommand(dead, client);
  dead
    .command('show <id>')
    .description('show one, with its event and every attempt')
    .option('--json', 'print JSON on one line')
    .action((id: string, options: JsonOption) => show(client(), id, options));
  addFixCommand(dead, client, env);
  addReplayCommand(dead, client);
  dead
    .command('discard <id>')
    .description('give an event up for good; the entry is kept with the reason')
    .requiredOption('--why <text>', 'the reason')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & { why: string }) => {
      await client().call((service) => service.discardDeadLetter({ id, why: options.why }));
      print(options.json ? JSON.stringify({ id, discarded: true }) : `discarded ${id}`);
    });
  return dead;
}

async function show(client: DeadClient, id: string, options: JsonOption): Promise<void> {
  const { deadLetter, eventJson } = await client.call((service) => service.getDeadLetter({ id }));
  const value = toJson(DeadLetterSchema, deadLetter!) as JsonObject;
  // The message has doubles alone; the text beside it has every digit.
  const exact = eventJson === '' ? undefined : (parseExactly(eventJson) as JsonObject | undefined);
  if (exact !== undefined) {
    const { properties, context } = exact;
    Object.assign(value['event'] as JsonObject, { properties, context });
  }
  const text = JSON.stringify(value, undefined, options.json ? undefined : 2);
  // What other systems wrote is in here: JSON escapes most of what is a command to a terminal.
  print(text.replaceAll(/[\u007f-\u009f]/g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
