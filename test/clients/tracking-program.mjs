// Tracks events until `total` of them are noted. The test kills it at any time and starts it again,
// and it continues. Each note is a claim that the test checks: track() resolved for this key.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { createHeadgateClient } from '@headgate/client';

const { url, protocol, directory, notes, total, windowEvents } = JSON.parse(process.argv[2]);

let isTroubled = false;
const client = createHeadgateClient({
  url,
  protocol,
  spool: { directory, whenFull: 'block', bytesMax: 256 * 1024 * 1024 },
  backoffBaseMs: 50,
  backoffCapMs: 500,
  onTrouble: (message) => {
    isTroubled = true;
    process.stdout.write(`trouble: ${message}\n`);
  },
  onRecovered: () => {
    isTroubled = false;
  },
  onRejected: ({ code, message }) => process.stdout.write(`rejected: ${code} ${message}\n`),
  onDropped: ({ message }) => process.stdout.write(`dropped: ${message}\n`),
  onDamaged: ({ file }) => process.stdout.write(`damaged: ${file}\n`),
});
await client.ready();
process.stdout.write(`waiting: ${client.counters().waiting}\n`);

// An incomplete note does not count: its event is tracked again.
const noted = readFileSync(notes, { flag: 'a+', encoding: 'utf8' }).split('\n').length - 1;
const file = openSync(notes, 'a');
for (let next = noted; next < total;) {
  const window = [];
  for (let count = 0; count < windowEvents && next < total; count += 1, next += 1) {
    window.push(
      client.track({
        eventName: 'order_completed',
        userId: `u-${next % 1000}`,
        properties: { order_id: `A-${next}`, total: 49.9, currency: 'EUR' },
      }),
    );
  }
  const receipts = await Promise.all(window);
  // Lets the gate keep up, so that some kills come while events are in flight. It does not wait for
  // a gate that is away, so that other kills come while many events wait.
  while (client.counters().waiting > 2_000 && !isTroubled) await sleep(3);
  writeSync(file, receipts.map(({ idempotencyKey }) => `${idempotencyKey}\n`).join(''));
}
closeSync(file);
const { complete } = await client.flush({ timeoutMs: 120_000 });
process.stdout.write(`done: ${JSON.stringify({ complete, ...client.counters() })}\n`);
await client.close();
