import { afterEach, describe, expect, test } from 'vitest';

import type { TransformResult } from './transform-event.ts';
import { openTransformer, type Transformer } from './transformer.ts';
import type { TransformProgram } from './transform-program.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const opened: Transformer[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

async function open(program: TransformProgram, limits = { timeMsMax: 1_000, memoryMiBMax: 64 }) {
  const transformer = await openTransformer(program, limits);
  opened.push(transformer);
  return transformer;
}

const event = (more: object = {}, eventId = 'e1'): Uint8Array =>
  encoder.encode(
    JSON.stringify({
      eventId,
      eventName: 'order_completed',
      source: 'shop',
      timestamp: '2026-01-02T03:04:05.678Z',
      userId: 'u1',
      idempotencyKey: 'k1',
      properties: { total: 12.5, email: 'a@example.com' },
      ...more,
    }),
  );

const read = (result: TransformResult): Record<string, unknown> | string => {
  if (result.kind === 'changed') return JSON.parse(decoder.decode(result.payload)) as never;
  return result.kind === 'failed' ? result.reason : result.kind;
};

async function apply(program: TransformProgram, ...payloads: Uint8Array[]) {
  return (await (await open(program)).run(payloads)).map(read);
}

const expression = (text: string): TransformProgram => ({ kind: 'jsonata', text });
const script = (text: string): TransformProgram => ({ kind: 'script', text });

describe('a transform that does not end, or needs too much', () => {
  const hangs = '$.properties.text ~> /^(a+)+$/ ? null : null';
  const bad = event({ properties: { text: `${'a'.repeat(40)}b` } });

  test.each([
    expression(hangs),
    expression('properties.text ? ($f := function() { $f() }; $f()) : null'),
    script('export default (e) => { while (e.properties.text) {} return null; }'),
  ])('costs its own event: $kind $text', async (program) => {
    const results = await apply(program, event(), bad, event());
    expect(results).toEqual([
      'filtered',
      expect.stringMatching(/longer than 1000 ms|stack/i),
      'filtered',
    ]);
  });

  test('costs its own event by memory', async () => {
    const program = expression(
      'properties.text ? $map([1..9999999], function($i) { $string($i) & $$.properties.text }) : null',
    );
    const transformer = await open(program, { timeMsMax: 20_000, memoryMiBMax: 32 });
    const results = await transformer.run([event(), bad, event()]);
    expect(results.map(read)).toEqual([
      'filtered',
      expect.stringContaining('needed more than 32 MiB'),
      'filtered',
    ]);
  });

  test('does not hold up the event loop', async () => {
    const transformer = await open(expression(hangs));
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    await transformer.run([bad]);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
  });
});

describe('a program that does not compile stops the start', () => {
  test.each([
    [expression('properties.('), /^the transform is not JSONata: .* at character \d+/],
    [script('export default ('), /is not a script that runs: SyntaxError/],
    [script('const x = 1;'), /no default export that is a function/],
    [script('import fs from "node:fs"; export default (e) => e;'), /is not a script that runs/],
  ])('%o', async (program, fault) => {
    await expect(openTransformer(program)).rejects.toThrow(fault);
  });
});
