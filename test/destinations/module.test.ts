import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Destination } from '../../src/destinations/destination.ts';
import { createModuleDestination } from '../../src/destinations/module/module.ts';
import { StartError } from '../../src/errors.ts';
import { publishEvents, readAttempts, startWorker, unsettled, until } from '../delivery/rig.ts';
import { startRealLog } from '../real-log.ts';
import { deliveryOfEvent, never, readAll } from './deliveries.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headgate-module-'));
afterAll(() => rmSync(folder, { recursive: true }));

let modules = 0;

/** Node keeps what it imported: each module has a name of its own. */
function write(text: string, extension = 'mjs'): string {
  const file = path.join(folder, `module-${(modules += 1)}.${extension}`);
  writeFileSync(file, text);
  return file;
}

const open = (text: string, extension?: string): Promise<Destination> =>
  createModuleDestination('mine', { path: write(text, extension), 'options.greeting': 'hello' });

const sound = 'batchEventsMax: 10, concurrency: 1, async close() {},';
const answering = (body: string): string =>
  `export default () => ({ ${sound} async deliver(batch) { ${body} } });`;

describe('the start', () => {
  test.each([
    ['has a fault in it', 'export default {', /cannot be imported: .+/],
    ['throws when it is imported', 'throw new Error("no luck")', /cannot be imported: no luck/],
    ['imports what is not there', 'import "./nowhere.mjs"', /cannot be imported: .*nowhere\.mjs/],
    ['exports nothing', 'export const create = 1;', /has no default export: write: export default/],
    ['exports no function', 'export default {};', /exports no function: write: export default/],
    ['throws', 'export default () => { throw new Error("no token") }', /did not open: no token/],
    ['rejects', 'export default async () => { throw "no token" }', /did not open: no token/],
    ['opens nothing', 'export default () => undefined;', /opens no destination: it is no object/],
    [
      'opens something else',
      'export default () => ({ batchEventsMax: 0, concurrency: 1.5, deliver: 1, stored: 1, disabled: 1, trouble: 1 });',
      /batchEventsMax is no whole .*; concurrency .*; deliver is no .*; close is no .*; stored is no .*; disabled is no .*; trouble is no /,
    ],
  ])('is refused to a module that %s', async (_what, text, message) => {
    const opening = open(text);
    await expect(opening).rejects.toThrow(StartError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toThrow(/^destinations\.mine\.path: .*module-\d+\.mjs /);
  });

  test('is refused if the file is missing, or is a folder', async () => {
    const nowhere = createModuleDestination('mine', { path: './not/there.ts' });
    await expect(nowhere).rejects.toThrow(/not\/there\.ts is not there\. A path is relative to/);
    const place = path.join(folder, 'place.ts');
    mkdirSync(place);
    await expect(createModuleDestination('mine', { path: place })).rejects.toThrow(/is not a file/);
  });

  test('hands the module its name and its options, TypeScript or not', async () => {
    const text = `
      interface Options { readonly greeting: string }
      export default async function (name: string, options: Options) {
        const reason = name + JSON.stringify(options);
        return { ${sound} deliver: async () => [{ kind: 'dead', reason }] };
      }`;
    const destination = await open(text, 'ts');
    expect(await destination.deliver([deliveryOfEvent()], never)).toEqual([
      { kind: 'dead', reason: 'mine{"greeting":"hello"}' },
    ]);
  });

  test('keeps `this` of a class, and the events that it reports', async () => {
    const destination = await open(`
      class Mine {
        batchEventsMax = 3; concurrency = 2; seen = 0; closed = 0;
        async deliver(batch) { this.seen += batch.length; return batch.map(() => ({ kind: 'delivered' })); }
        async *stored(window) { yield { eventId: String(this.seen), eventName: 'a_b', timestamp: '' + window.fromMs }; }
        async close() { if ((this.closed += 1) > 1) throw new Error('twice'); }
      }
      export default () => new Mine();`);
    expect(destination).toMatchObject({ batchEventsMax: 3, concurrency: 2 });
    await destination.deliver([deliveryOfEvent(), deliveryOfEvent()], never);
    const held = await readAll(destination.stored!({ fromMs: 7, toMs: 8 }));
    expect(held).toEqual([{ eventId: '2', eventName: 'a_b', timestamp: '7' }]);
    await Promise.all([destination.close(), destination.close()]);
    const plain = await open(answering('return [];'));
    expect([plain.stored, plain.disabled, plain.trouble]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

test.each([
  ['this.why', 'gone'],
  ['undefined', undefined],
  ['5', undefined],
  ['this.not.there', undefined],
])('what it says of itself is handed on: %s', async (word, told) => {
  const text = `export default () => ({ ${sound} why: 'gone', async deliver() {}, disabled() { return ${word}; }, trouble() { return ${word}; } });`;
  const destination = await open(text);
  expect([destination.disabled?.(), destination.trouble?.()]).toEqual([told, told]);
});

describe('outcomes', () => {
  const wrong = 'answered outcome 2 of 2 wrongly: ';
  test.each([
    ['return undefined;', 'answered no list of outcomes'],
    ['return [{ kind: "delivered" }];', 'answered 1 outcomes for 2 events'],
    ['return batch.concat(batch);', 'answered 4 outcomes for 2 events'],
    ['return [{ kind: "delivered" }, null];', `${wrong}it is no object`],
    ['return [{ kind: "delivered" }, ,];', `${wrong}it is no object`],
    ['return [{ kind: "delivered" }, { kind: "ok" }];', `${wrong}its kind is neither`],
    [
      'return [{ kind: "delivered" }, { kind: "dead" }];',
      `${wrong}its kind is dead, and it has no`,
    ],
    [
      'return [{ kind: "delivered" }, { kind: "retry", reason: "r" }];',
      `${wrong}its fault is neither destination, event nor source`,
    ],
    [
      'return [{ kind: "delivered" }, { kind: "dead", reason: "r", status: 5 }];',
      `${wrong}its status is no text`,
    ],
    [
      'return [{ kind: "delivered" }, { kind: "retry", fault: "event", reason: "r", notBeforeMs: "5" }];',
      `${wrong}its notBeforeMs is no number`,
    ],
  ])('%s: is an error that says what to write', async (body, message) => {
    const destination = await open(answering(body));
    const delivering = destination.deliver([deliveryOfEvent(), deliveryOfEvent()], never);
    await expect(delivering).rejects.toThrow(message);
    await expect(delivering).rejects.toThrow(/module-\d+\.mjs /);
  });

  test('that are right go through as they are', async () => {
    const destination = await open(
      answering(`return [
        { kind: 'delivered' },
        { kind: 'dead', reason: 'a', status: '1' },
        { kind: 'retry', fault: 'event', reason: 'b', notBeforeMs: 0 },
        { kind: 'retry', fault: 'destination', reason: 'c' },
      ];`),
    );
    const deliveries = Array.from({ length: 4 }, () => deliveryOfEvent());
    expect(await destination.deliver(deliveries, never)).toHaveLength(4);
  });

  test('too few of them lose no event: the attempt is reported, and the events come again', async () => {
    const destination = await open(`
      let calls = 0;
      export default () => ({ ${sound} async deliver(batch) {
        calls += 1;
        return calls === 1 ? [] : batch.map(() => ({ kind: 'delivered' }));
      } });`);
    await using real = await startRealLog();
    const worker = await startWorker(real.log, destination);
    await publishEvents(real.log, 3);
    const attempts = await until(
      () => readAttempts(real.log),
      (entries) => entries.length > 0,
      30_000,
    );
    expect(attempts[0]?.error).toMatch(
      /^the destination failed: .* answered 0 outcomes for \d events/,
    );
    expect(attempts[0]?.charged).toBe(false);
    await until(
      () => unsettled(real.log),
      (left) => left === 0,
      30_000,
    );
    await worker.stop();
  });
});
