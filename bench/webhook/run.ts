import { execFile, fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { drain, type Drain } from '../destinations/drain.ts';
import { fillLog, type FilledLog } from '../destinations/stored-events.ts';
import { settleDisk } from '../processes.ts';
import { median } from '../script/median.ts';
import { numberAfter, valueAfter } from '../script/options.ts';
import type { PlainOptions, PlainSending } from './plain-sender.ts';

/*
 * npm run bench:webhook [-- --events 120000] [--rounds 3] [--concurrency 8] [--beside FOLDER]
 *
 * A worker drains the stored events of a real log into a receiver, one event a request, and a plain
 * loop of undici signs and sends the same bodies to it, in turns. `--beside` measures the worker of
 * another checkout as well. Exit code 1: the ratio is below its floor, or the receiver has not every
 * event once. Needs Linux's /proc.
 *
 * The ratio is that of the CPU for an event, by the medians of one run. That of the rates is printed
 * beside it, and depends on the machine: a worker shares its processors with nats-server and with the
 * receiver, the plain loop only with the receiver.
 */
const events = numberAfter('--events', 120_000);
const rounds = numberAfter('--rounds', 3);
const concurrency = numberAfter('--concurrency', 8);
const beside = valueAfter('--beside');
const warmUpEvents = events / 6;
const ratioFloor = 0.6;

const here = path.dirname(fileURLToPath(import.meta.url));
const secret = `whsec_${randomBytes(32).toString('base64')}`;

const receiver = fork(path.join(here, 'receiver.ts'));
const [{ port }] = (await once(receiver, 'message')) as [{ port: number }];
const url = `http://127.0.0.1:${port}/hook`;
const log = await fillLog(events);
try {
  await measure(log, receiver);
} finally {
  await log.stop();
  receiver.kill();
}

async function measure(from: FilledLog, far: ChildProcess): Promise<void> {
  const checkouts = new Map([['here', path.join(here, '..')]]);
  if (beside !== undefined) checkouts.set('beside', path.join(path.resolve(beside), 'bench'));
  const drains = new Map<string, Drain[]>([...checkouts.keys()].map((name) => [name, []]));
  const plain: PlainSending[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const [checkout, bench] of checkouts) {
      settleDisk();
      const measured = await drain(from, {
        bench,
        destination: `webhook_${checkout}_${round}`,
        settings: { type: 'webhook', url, secret, concurrency, allow_private_addresses: true },
        farProcessId: far.pid,
        endsWithWorker: false,
        warmUpEvents,
      });
      const { requests, ids } = await countOf(far);
      if (ids !== events || requests !== events) {
        throw new Error(`${requests} requests with ${ids} ids came of ${events} events`);
      }
      drains.get(checkout)!.push(measured);
    }
    plain.push(await sendPlain(from));
    await countOf(far);
  }
  print(drains, plain);
}

async function countOf(far: ChildProcess): Promise<{ requests: number; ids: number }> {
  far.send('count');
  const [count] = (await once(far, 'message')) as [{ requests: number; ids: number }];
  return count;
}

async function sendPlain({ natsUrl }: FilledLog): Promise<PlainSending> {
  const options: PlainOptions = { natsUrl, url, secret, events, warmUpEvents, concurrency };
  const flags = ['--max-semi-space-size=32', '--v8-pool-size=1'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...flags,
    path.join(here, 'plain-sender.ts'),
    JSON.stringify(options),
  ]);
  return JSON.parse(stdout) as PlainSending;
}

function print(
  drains: ReadonlyMap<string, readonly Drain[]>,
  plain: readonly PlainSending[],
): void {
  const rate = median(plain.map(({ perSecond }) => perSecond));
  const us = median(plain.map((one) => one.us));
  console.log(
    `undici: ${Math.round(rate).toLocaleString('en-US')}/s, ${us.toFixed(1)} µs an event`,
  );
  for (const [checkout, all] of drains) {
    const of = (name: keyof Drain): number => median(all.map((one) => one[name]));
    const ratio = us / of('workerUs');
    console.log(
      `worker, ${checkout}: ${Math.round(of('perSecond')).toLocaleString('en-US')}/s, ` +
        `${(of('perSecond') / rate).toFixed(2)} of undici; µs of CPU an event: ` +
        `worker ${of('workerUs').toFixed(1)}, nats ${of('natsUs').toFixed(1)}, ` +
        `receiver ${of('farUs').toFixed(1)}; undici : worker = ${ratio.toFixed(2)}, ` +
        `floor ${ratioFloor}`,
    );
    if (checkout === 'here' && !(ratio >= ratioFloor)) process.exitCode = 1;
  }
}
