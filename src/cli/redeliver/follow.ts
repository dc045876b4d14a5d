import { setTimeout as sleep } from 'node:timers/promises';

import { toJson } from '@bufbuild/protobuf';
import { Presets, SingleBar } from 'cli-progress';

import {
  Redelivery_State as State,
  RedeliverySchema,
  type Redelivery,
} from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { StartError } from '../../errors.ts';
import { oneLine, print } from '../terminal/print.ts';
import type { RedeliverOptions, RedeliveryClient } from './request.ts';

const lookMs = 500;
const drawingsPerSecond = 5;

/**
 * Shows the progress of a redelivery until it ends, is paused, or ctrl-C is pressed, which leaves it
 * running. `total` is how many events it will send, if that is known. Sets the exit code.
 */
export async function followRedelivery(
  client: RedeliveryClient,
  id: string,
  { json }: Pick<RedeliverOptions, 'json'>,
  total?: number,
): Promise<void> {
  const leaving = new AbortController();
  const leave = (): void => leaving.abort();
  process.once('SIGINT', leave);
  const bar = createBar(total, json === true);
  let sentBefore: bigint | undefined;
  try {
    for (;;) {
      const found = await look(client, id, total !== undefined || sentBefore !== undefined);
      bar.draw(found);
      // The part that was in progress when it stopped is counted a moment later.
      const isWhole = hasStopped(found) && found.sent === sentBefore;
      sentBefore = found.sent;
      if (isWhole) {
        bar.stop();
        return report(found, json === true);
      }
      await sleep(lookMs, undefined, { signal: leaving.signal }).catch(() => {});
      if (leaving.signal.aborted) {
        bar.stop();
        process.exitCode = 1;
        return void process.stderr.write(leftText(id));
      }
    }
  } finally {
    bar.stop();
    process.removeListener('SIGINT', leave);
  }
}

/** If the gate stops meanwhile, the error says what becomes of a redelivery that is known to run. */
async function look(client: RedeliveryClient, id: string, isKnown: boolean): Promise<Redelivery> {
  let redeliveries: readonly Redelivery[];
  try {
    ({ redeliveries } = await client.call((service) => service.listRedeliveries({})));
  } catch (cause) {
    if (!isKnown || !(cause instanceof StartError)) throw cause;
    throw new StartError(`${cause.message}\n${goesOnText(id)}`, { cause });
  }
  const found = redeliveries.find((one) => one.id === id);
  if (found !== undefined) return found;
  throw new StartError(`No redelivery ${id} is known. List them: headgate redeliver list`);
}

const goesOnText = (id: string): string =>
  `The redelivery ${id} has not ended. It goes on by itself as soon as a gate or worker with its ` +
  `destination runs. Show its progress again: headgate redeliver follow ${id}`;

const leftText = (id: string): string =>
  `\nThe redelivery ${id} goes on without this command:\n` +
  `  headgate redeliver follow ${id}\n` +
  `  headgate redeliver pause ${id}\n` +
  `  headgate redeliver cancel ${id}\n`;

function hasStopped({ state }: Redelivery): boolean {
  return state !== State.RUNNING && state !== State.CANCELLING;
}

function report(found: Redelivery, asJson: boolean): void {
  const { id, state, sent, note } = found;
  if (state !== State.DONE) process.exitCode = 1;
  if (asJson) print(JSON.stringify(toJson(RedeliverySchema, found, { alwaysEmitImplicit: true })));
  else if (state === State.DONE) print(`${eventsText(sent)} sent again`);
  else if (state === State.PAUSED) {
    print(`paused after ${eventCount(sent)}; go on with: headgate redeliver resume ${id}`);
  } else if (state === State.FAILED) print(`failed after ${eventCount(sent)}: ${oneLine(note)}`);
  else print(`cancelled after ${eventCount(sent)}`);
}

const eventCount = (count: bigint): string => (count === 1n ? '1 event' : `${count} events`);
const eventsText = (count: bigint): string =>
  `${eventCount(count)} ${count === 1n ? 'was' : 'were'}`;

/** Draws a bar on a terminal only, so that logs contain no bars. */
function createBar(total: number | undefined, isQuiet: boolean) {
  if (!process.stderr.isTTY || isQuiet) return { draw: () => {}, stop: () => {} };
  const bar = new SingleBar(
    {
      stream: process.stderr,
      fps: drawingsPerSecond,
      hideCursor: false,
      format: '{bar} {percentage}% | {tally}',
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  let isOpen = false;
  return {
    draw: (found: Redelivery): void => {
      const { done, of } = total === undefined ? readPart(found) : sentPart(found, total);
      const tally = tallyOf(found);
      if (isOpen) bar.update(done, { tally });
      else bar.start(of, done, { tally });
      isOpen = true;
    },
    stop: (): void => {
      if (isOpen) bar.stop();
      isOpen = false;
    },
  };
}

/** By what the destination has taken. */
function sentPart({ sent, waiting }: Redelivery, total: number) {
  return { done: Math.min(total, Number(sent - waiting)), of: Math.max(1, total) };
}

/** By how much of the log was read. */
function readPart({ walk }: Redelivery) {
  const of = Math.max(1, Number((walk?.upTo ?? 0n) - (walk?.from ?? 0n)) + 1);
  return { done: Math.max(0, Number((walk?.reached ?? 0n) - (walk?.from ?? 0n)) + 1), of };
}

function tallyOf({ sent, waiting, note }: Redelivery): string {
  const taken = (sent > waiting ? sent - waiting : 0n).toLocaleString('en');
  const rest = waiting > 0n ? `, ${waiting.toLocaleString('en')} on their way` : '';
  return `${taken} sent again${rest}${note === '' ? '' : `; ${oneLine(note)}`}`;
}
