import { openTransformer } from '../src/transform/transformer.ts';
import type { TransformProgram } from '../src/transform/transform-program.ts';

/*
 * What a transform costs on delivery: events a second through its process, alone. `npm run bench:transform`. A floor is in
 * the exit code: far below what was measured, so that a busy machine passes and a mistake does not.
 */

const events = 20_000;
const batch = 500;
const floorPerSecond = 1_000;

const payload = Buffer.from(
  JSON.stringify({
    eventId: '5c1d9d0e-3f0c-5d7b-9a54-0d0c8f5f5a11',
    eventName: 'order_completed',
    source: 'shop',
    timestamp: '2026-03-01T12:00:00.123Z',
    userId: 'user-1',
    idempotencyKey: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
    properties: {
      order_id: 'o-1',
      total: 12.5,
      items: [
        { sku: 'a', price: 5 },
        { sku: 'b', price: 7.5 },
      ],
    },
    correlationId: '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11',
  }),
);

const programs: Readonly<Record<string, TransformProgram>> = {
  'JSONata, unchanged': { kind: 'jsonata', text: '$' },
  'JSONata, changed': {
    kind: 'jsonata',
    text: '$merge([$, { "properties": { "cents": $sum(properties.items.price) * 100 } }])',
  },
  'script, changed': {
    kind: 'script',
    text: 'export default (e) => ({ ...e, properties: { cents: e.properties.total * 100 } });',
  },
};

let isBelow = false;
for (const [name, program] of Object.entries(programs)) {
  const transformer = await openTransformer(program);
  const payloads = Array.from({ length: batch }, () => payload);
  await transformer.run(payloads);
  const startedAt = performance.now();
  for (let done = 0; done < events; done += batch) await transformer.run(payloads);
  const perSecond = events / ((performance.now() - startedAt) / 1_000);
  await transformer.close();
  if (perSecond < floorPerSecond) isBelow = true;
  console.log(`${name}: ${Math.round(perSecond).toLocaleString('en')} events/s`);
}
if (isBelow) process.exitCode = 1;
