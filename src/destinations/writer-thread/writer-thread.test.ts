import { expect, test } from 'vitest';
import { pack } from './packed-batch.ts';
import { startWriterThread } from './writer-thread.ts';

/** A thread that runs this code. */
function start(code: string, onEnd: () => void) {
  const head = "import { parentPort } from 'node:worker_threads';";
  const program = new URL(`data:text/javascript,${encodeURIComponent(head + code)}`);
  return startWriterThread({ program, name: 'test', data: {} }, onEnd);
}

test('a thread that dies says why to the batches that wait, and to those that come later', async () => {
  let ends = 0;
  const thread = await start(
    "parentPort.on('message', () => { throw new Error('no memory'); }).postMessage({ kind: 'opened' });",
    () => (ends += 1),
  );
  const died = { kind: 'failed', reason: 'the writer thread ended: no memory' };
  expect(await Promise.all([thread.write(pack([])), thread.write(pack([]))])).toEqual([died, died]);
  expect(await thread.write(pack([]))).toEqual(died);
  await thread.close();
  expect(ends).toBe(1);
});

test.each([
  ["throw new Error('no file');", 'no file'],
  ['process.exit(3);', 'the writer thread ended before it answered'],
  ["parentPort.postMessage({ kind: 'not_opened', reason: 'locked' });", 'locked'],
])('a thread that runs %s does not start', async (code, reason) => {
  await expect(start(code, () => {})).rejects.toThrow(reason);
});
