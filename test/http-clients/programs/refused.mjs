// Sends requests that the gate refuses before their bodies have arrived, with Node's fetch, and counts how many
// of the answers were read. A body of a known length is one Buffer: fetch takes no length beside a stream.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pieceBytes = 64 * 1024;

async function* pieces(bytes, pauseMs) {
  for (let left = bytes; left > 0; left -= pieceBytes) {
    if (pauseMs > 0) await sleep(pauseMs);
    yield Buffer.alloc(Math.min(left, pieceBytes), ' ');
  }
}

async function send({ url, method, headers, bytes, pauseMs, chunked, status }) {
  const body = chunked ? ReadableStream.from(pieces(bytes, pauseMs)) : Buffer.alloc(bytes, ' ');
  try {
    const answer = await fetch(url, { method, headers, body, duplex: 'half' });
    const text = await answer.text();
    return answer.status === status && text.length > 0
      ? ''
      : `status ${answer.status}, ${text.length} bytes`;
  } catch (error) {
    return `${error.message}: ${error.cause?.message}`;
  }
}

const { cases } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const each of cases) {
  const runs = Array.from({ length: each.runs });
  const faults = [];
  if (each.pauseMs > 0) faults.push(...(await Promise.all(runs.map(() => send(each)))));
  else for (const _ of runs) faults.push(await send(each));
  console.log(JSON.stringify({ id: each.id, faults }));
}
