import { toJson, type JsonObject } from '@bufbuild/protobuf';
import type { Command } from 'commander';

import { DeadLetterSchema } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import { parseExactly } from '../../event/exact-numbers.ts';
import { print } from '../terminal/print.ts';
import type { DeadClient } from './filter.ts';

interface ShowOptions {
  readonly json?: true;
}

/** `headgate dead show`: one dead letter, its event and every attempt. */
export function addShowCommand(dead: Command, client: () => DeadClient): void {
  dead
    .command('show <id>')
    .description('show a dead letter, with its event and every attempt')
    .option('--json', 'print JSON on one line')
    .action((id: string, options: ShowOptions) => show(client(), id, options));
}

async function show(client: DeadClient, id: string, options: ShowOptions): Promise<void> {
  const { deadLetter, eventJson } = await client.call((service) => service.getDeadLetter({ id }));
  const value = toJson(DeadLetterSchema, deadLetter!) as JsonObject;
  // ProtoJSON leaves out what is false, and a reader of the attempts needs to see which were probes.
  for (const attempt of (value['attempts'] as JsonObject[] | undefined) ?? []) {
    attempt['charged'] ??= false;
  }
  // The message has doubles only; `eventJson` keeps every digit.
  const exact = eventJson === '' ? undefined : (parseExactly(eventJson) as JsonObject | undefined);
  if (exact !== undefined) {
    const { properties, context } = exact;
    Object.assign(value['event'] as JsonObject, { properties, context });
  }
  const text = JSON.stringify(value, undefined, options.json ? undefined : 2);
  // Holds text of other systems. JSON escapes most control characters, but not these.
  print(text.replaceAll(/[\u007f-\u009f]/g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`));
}
