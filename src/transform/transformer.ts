import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { StartError } from '../errors.ts';
import type { ChildReply, ChildRequest } from './child.ts';
import type { TransformResult } from './transform-event.ts';
import type { TransformProgram } from './transform-program.ts';

/** Runs a program on events, in a process of its own, bounded in time and memory. */
export interface Transformer {
  /** One result for each payload, in order. Rejects only after `close`. */
  run(payloads: readonly Uint8Array[]): Promise<TransformResult[]>;
  close(): Promise<void>;
}

export interface TransformLimits {
  /** For one event, in ms. */
  readonly timeMsMax: number;
  /** The heap of the process, in MiB. */
  readonly memoryMiBMax: number;
}

export const transformLimits: TransformLimits = { timeMsMax: 1_000, memoryMiBMax: 128 };

/** How long the process may take to start, which loads the engine. */
const startMsMax = 30_000;

/**
 * Opens a transformer. Rejects with a StartError if the program does not compile.
 *
 * An event that takes too long or too much ends the process. A busy machine can do that too, so the
 * event has a second try, alone in a new process, before it has failed.
 */
export async function openTransformer(
  program: TransformProgram,
  limits: TransformLimits = transformLimits,
): Promise<Transformer> {
  let child: Child | undefined = await startChild(program, limits);
  let queue: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  const attempt = async (payloads: readonly Uint8Array[]): Promise<Attempt> => {
    if (isClosed) throw new Error('the transformer is closed');
    child ??= await startChild(program, limits);
    const outcome = await child.run(payloads);
    if (outcome.ended !== undefined) child = undefined;
    return outcome;
  };

  const runAll = async (payloads: readonly Uint8Array[]): Promise<TransformResult[]> => {
    const results: TransformResult[] = [];
    while (results.length < payloads.length) {
      const first = await attempt(payloads.slice(results.length));
      results.push(...first.results);
      if (first.ended === undefined) continue;
      // Which of the others ended the process is not known: one after the other, until one does.
      while (results.length < payloads.length) {
        const alone = await attempt([payloads[results.length]!]);
        const { ended } = alone;
        results.push(ended === undefined ? alone.results[0]! : { kind: 'failed', reason: ended });
        if (ended !== undefined) break;
      }
    }
    return results;
  };

  return {
    run: (payloads) => {
      const result = queue.then(() => runAll(payloads));
      queue = result.catch(() => {});
      return result;
    },
    close: async () => {
      isClosed = true;
      child?.end();
      child = undefined;
    },
  };
}

/** The results before the process ended, if it did: `ended` says why. */
interface Attempt {
  readonly results: readonly TransformResult[];
  readonly ended: string | undefined;
}

interface Child {
  run(payloads: readonly Uint8Array[]): Promise<Attempt>;
  end(): void;
}

async function startChild(program: TransformProgram, limits: TransformLimits): Promise<Child> {
  const own = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), {
    // Neither the secrets nor the flags of the gate's process are for this one. What V8 prints when
    // its heap is full is said by the reason.
    env: {},
    execArgv: [
      `--max-old-space-size=${limits.memoryMiBMax}`,
      '--disallow-code-generation-from-strings',
      '--no-warnings',
    ],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // A process that is idle does not keep this one.
  own.unref();
  own.channel?.unref();
  const replies = readReplies(own);
  own.send(program satisfies ChildRequest);
  const ready = await replies.next(startMsMax);
  if (typeof ready === 'string' || ready.kind !== 'ready') {
    own.kill('SIGKILL');
    throw new StartError(
      typeof ready === 'string'
        ? `the transform did not start: ${ready === silent ? `not within ${startMsMax / 1_000} s` : ready}`
        : `the transform ${ready.kind === 'not ready' ? ready.reason : 'did not start'}`,
    );
  }
  const run = async (payloads: readonly Uint8Array[]): Promise<Attempt> => {
    const results: TransformResult[] = [];
    // Copies: a payload is a part of what the connection has read.
    own.send(payloads.map((payload) => new Uint8Array(payload)) satisfies ChildRequest);
    while (results.length < payloads.length) {
      const reply = await replies.next(limits.timeMsMax);
      if (typeof reply === 'string') {
        own.kill('SIGKILL');
        const tooSlow = `the transform took longer than ${limits.timeMsMax} ms`;
        return { results, ended: reply === silent ? tooSlow : endText(reply, limits) };
      }
      if (reply.kind === 'results') results.push(...reply.results);
    }
    return { results, ended: undefined };
  };
  return { run, end: () => void own.kill('SIGKILL') };
}

const silent = 'silent';

/** How a process ends whose heap is full. */
const heapFull = 'SIGABRT';

function endText(reason: string, { memoryMiBMax }: TransformLimits): string {
  return reason === heapFull
    ? `the transform needed more than ${memoryMiBMax} MiB`
    : `the transform ended its process: ${reason}`;
}

/** The replies of a process, one after the other; a text once it has ended, or says nothing. */
function readReplies(own: ChildProcess) {
  const arrived: (ChildReply | string)[] = [];
  let wake: (() => void) | undefined;
  const push = (one: ChildReply | string): void => {
    arrived.push(one);
    wake?.();
  };
  own.on('message', (reply) => push(reply as ChildReply));
  own.on('error', (error) => push(error.message));
  own.on('exit', (code, signal) => push(signal ?? `code ${code}`));
  return {
    next: async (msMax: number): Promise<ChildReply | string> => {
      if (arrived.length === 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, msMax);
        // The process of a batch that is waited for keeps this one.
        await promise;
        clearTimeout(timer);
        wake = undefined;
      }
      return arrived.shift() ?? silent;
    },
  };
}
