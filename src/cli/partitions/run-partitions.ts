import { CommanderError, type Command } from 'commander';

import { StartError } from '../../errors.ts';
import type { Log } from '../../jetstream/log.ts';
import {
  readPartitions,
  requestPartitions,
  waitForPartitions,
  type PartitionsRefusal,
} from '../../jetstream/server/partitions/change-partitions.ts';
import type { CommandContext } from '../command-context.ts';
import { readGateConfig } from '../command-settings.ts';
import { openRunningLog } from '../running-log.ts';
import { confirm } from '../terminal/confirm.ts';
import { print } from '../terminal/print.ts';
import { printTable } from '../terminal/table.ts';

export interface PartitionsFlags {
  readonly config?: string;
}

export interface SetFlags extends PartitionsFlags {
  readonly yes?: true;
}

/** Throws a StartError. */
export async function showPartitions(
  context: CommandContext,
  flags: PartitionsFlags & { readonly json?: true },
): Promise<void> {
  await withLog(context, flags, async (log) => {
    const { count, isReady, parts } = await readPartitions(log);
    if (flags.json) {
      const partitions = parts.map(({ isClosed, leader, ...part }) => ({
        ...part,
        state: isClosed ? 'closed' : 'open',
        leader: leader ?? null,
      }));
      print(JSON.stringify({ count, changing: !isReady, partitions }, undefined, 2));
      return;
    }
    printTable(
      ['stream', 'state', 'events', 'bytes', 'leader'],
      parts.map((part) => [
        part.stream,
        part.isClosed ? 'closed' : 'open',
        String(part.events),
        String(part.bytes),
        part.leader ?? '-',
      ]),
    );
    if (!isReady) process.stderr.write('A change of their number is being completed.\n');
  });
}

/** How long a gate may take to complete a change. On a cluster each new stream elects a leader. */
const completeMsMax = 60_000;

/** Throws a StartError. */
export async function setPartitions(
  context: CommandContext,
  count: number,
  flags: SetFlags,
  command: Command,
): Promise<void> {
  await withLog(context, flags, async (log) => {
    const before = await readPartitions(log);
    if (before.count === count && before.isReady) {
      print(`The log has ${partitionsText(count)} already.`);
      return;
    }
    const question =
      `The log has ${partitionsText(before.count)}. Go on with ${partitionsText(count)}? ` +
      'Every process must be of this version.';
    if (!flags.yes && !(await agreed(question, command))) return;
    const refusal = await requestPartitions(log, count);
    if (refusal !== undefined) throw new StartError(refusals[refusal]);
    if (await isCompleted(log, count)) {
      print(`The log has ${partitionsText(count)} now.`);
      return;
    }
    throw new StartError(
      `No gate or worker has completed the change within ${completeMsMax / 1_000} s. Look at their log ` +
        'lines; the next one that starts completes it. Until then producers may get `retry`.',
    );
  });
}

/** The change is stored, so that it is completed also if the log stops answering here. */
async function isCompleted(log: Log, count: number): Promise<boolean> {
  try {
    return await waitForPartitions(log, completeMsMax);
  } catch (cause) {
    throw new StartError(
      `The log does not answer any more: ${(cause as Error).message}. The change to ${partitionsText(count)} ` +
        'is stored. A gate or worker completes it by itself as soon as one runs. See whether it is ' +
        'completed: headgate partitions show',
      { cause },
    );
  }
}

async function agreed(question: string, command: Command): Promise<boolean> {
  const answer = await confirm(question);
  return answer ?? command.error(`error: ${question} There is no terminal to ask on: add --yes`);
}

const partitionsText = (count: number): string =>
  count === 1 ? '1 partition' : `${count} partitions`;

const refusals: Readonly<Record<PartitionsRefusal, string>> = {
  unfinished:
    'The last change of the number is not completed. A gate or worker does that within seconds: try again.',
  exhausted:
    'Too many closed partitions still hold events. See which destination does not deliver (headgate destinations), and try again once closed ones are deleted (headgate partitions show).',
  raced:
    'Somebody else has changed the number at the same time: look at it (headgate partitions show).',
};

async function withLog(
  context: CommandContext,
  flags: PartitionsFlags,
  work: (log: Log) => Promise<void>,
): Promise<void> {
  const log = await openRunningLog(readGateConfig(context.env, flags.config));
  try {
    await work(log);
  } catch (cause) {
    if (cause instanceof StartError || cause instanceof CommanderError) throw cause;
    throw new StartError(`The log did not answer: ${(cause as Error).message}. Try again.`, {
      cause,
    });
  } finally {
    await log.close();
  }
}
