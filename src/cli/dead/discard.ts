import type { Command } from 'commander';

import { print } from '../terminal/print.ts';
import type { DeadClient } from './filter.ts';

interface DiscardOptions {
  readonly why: string;
  readonly json?: true;
}

/** `headgate dead discard`: gives up the event of a dead letter, with a reason. */
export function addDiscardCommand(dead: Command, client: () => DeadClient): void {
  dead
    .command('discard <id>')
    .description('give up an event for good; the entry is kept with the reason')
    .requiredOption('--why <text>', 'the reason')
    .option('--json', 'print JSON')
    .action(async (id: string, { why, json }: DiscardOptions) => {
      await client().call((service) => service.discardDeadLetter({ id, why }));
      print(json ? JSON.stringify({ id, discarded: true }) : `discarded ${id}`);
    });
}
