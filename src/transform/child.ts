import { Worker } from 'node:worker_threads';

import { compileProgram, transformEvent, type TransformResult } from './transform-event.ts';
import type { RunProgram, TransformProgram } from './transform-program.ts';

/*
 * The process that runs a transform, started by transformer.ts. A process, because a heap that is
 * full, or a bug of an engine, ends the whole of one.
 */

/** First the program, then batches of payloads, each after the last reply to the one before. */
export type ChildRequest = TransformProgram | readonly Uint8Array[];

/** The results of a batch come in their order, in one reply or several. */
export type ChildReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'not ready'; readonly reason: string }
  | { readonly kind: 'results'; readonly results: readonly TransformResult[] };

/** How often results are sent while a batch is in progress: silence means that one event hangs. */
const reportMs = 20;

const reply = (one: ChildReply): void => {
  process.send!(one);
};

async function transformAll(run: RunProgram, payloads: readonly Uint8Array[]): Promise<void> {
  let results: TransformResult[] = [];
  let reportedAt = performance.now();
  for (const payload of payloads) {
    results.push(await transformEvent(run, payload));
    if (performance.now() - reportedAt < reportMs) continue;
    reply({ kind: 'results', results });
    results = [];
    reportedAt = performance.now();
    // Lets the reply leave before the next event, which may hang.
    await new Promise((resolve) => setImmediate(resolve));
  }
  reply({ kind: 'results', results });
}

/** Ends this process when its parent is gone, also while an event hangs. */
const orphanWatch = `
  const { workerData } = require('node:worker_threads');
  setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL'); }, 1000);
`;

function main(): void {
  new Worker(orphanWatch, { eval: true, workerData: process.ppid }).unref();
  process.on('disconnect', () => process.exit());
  let run: Promise<RunProgram> | undefined;
  process.on('message', (request: ChildRequest) => {
    if ('kind' in request) {
      run = compileProgram(request);
      run.then(
        () => reply({ kind: 'ready' }),
        (error: unknown) => reply({ kind: 'not ready', reason: (error as Error).message }),
      );
    } else void run!.then((program) => transformAll(program, request));
  });
}

main();
