import { toJson } from '@bufbuild/protobuf';
import { Command } from 'commander';

import { RejectedEventSchema } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { print, visible } from '../terminal/print.ts';
import { readNumber, type RejectedClient } from './rejected-client.ts';

/** `headgate rejected show`: one event, why it was refused, and its last replay. */
export function showCommand(client: () => RejectedClient): Command {
  return new Command('show')
    .argument('<number>', 'the number in "rejected list"', readNumber)
    .description('show a rejected event, with its reasons and its last replay')
    .option('--original', 'print only the bytes as they were sent')
    .option('--json', 'print JSON, the bytes in base64')
    .action((number: bigint, options: { original?: true; json?: true }) =>
      show(client(), number, options),
    );
}

async function show(
  client: RejectedClient,
  sequence: bigint,
  options: { readonly original?: true; readonly json?: true },
): Promise<void> {
  const { rejected } = await client.call((service) => service.getRejected({ sequence }));
  const event = rejected!;
  if (options.original) {
    process.stdout.write(event.original);
    return;
  }
  const value = toJson(RejectedEventSchema, event) as Record<string, unknown>;
  if (options.json) {
    print(JSON.stringify(value));
    return;
  }
  // JSON escapes control characters of the terminal, which text of other systems may contain.
  const { original: _bytes, eventJson: _text, ...facts } = value;
  print(JSON.stringify(facts, undefined, 2));
  print('event:');
  print(visible(event.eventJson));
}
