import { Worker } from 'node:worker_threads';

import { onReply } from '../writer-thread/replies.ts';
import type { FilePart, SplitData, SplitReply } from './split-file.ts';

/** The objects of a file of the spool, made in a thread. Rejects with the reason. */
export async function splitInThread(data: SplitData): Promise<readonly FilePart[]> {
  const thread = new Worker(new URL('./split-file.ts', import.meta.url), {
    workerData: data,
    name: 'headgate-split',
    // The flags of the gate's process (an inspector, a preload) must not apply to this thread.
    execArgv: [],
  });
  let reply: SplitReply = { kind: 'failed', reason: 'the thread ended before it was done' };
  onReply(thread, (message: SplitReply) => {
    reply = message;
  });
  thread.on('error', (error) => (reply = { kind: 'failed', reason: error.message }));
  await new Promise((resolve) => thread.once('exit', resolve));
  const result = reply as SplitReply;
  if (result.kind === 'failed') throw new Error(result.reason);
  return result.parts;
}
