import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readConfig } from '../../config/read-config.ts';
import { hashWriteKey } from '../../config/write-key.ts';
import { destinationTypes } from '../../destinations/registry.ts';
import type { GateCredentials } from '../../gate/gate.ts';
import type { ReloadCounts } from '../../observability/reload-metrics.ts';
import { followFiles, type FollowedFiles } from './follow-files.ts';

let folder: string;
let file: string;
let followed: FollowedFiles;
const changes: GateCredentials[] = [];
const operators: string[][] = [];
const failures: string[] = [];
const held: ReloadCounts[] = [];
const applied: ReloadCounts[] = [];
const restarts: (readonly string[])[] = [];
const signals = {
  trouble: () => {},
  certificateServed: () => {},
  reloaded: (_what: string, counts: ReloadCounts) => applied.push(counts),
  reloadHeld: (_what: string, counts: ReloadCounts) => held.push(counts),
  reloadFailed: (_what: string, error: unknown) => failures.push((error as Error).message),
  restartNeeded: (settings: readonly string[]) => restarts.push(settings),
};

const keysOf = ({ keys }: GateCredentials): string[] => keys.map(({ source }) => source);
const yaml = (...sources: string[]): string =>
  [
    'auth: keys',
    'keys:',
    ...sources.map((source) => `  - { source: ${source}, hash: "${hashWriteKey(source)}" }`),
    '',
  ].join('\n');

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-follow-'));
  file = path.join(folder, 'headgate.yaml');
  writeFileSync(file, yaml('shop', 'app'));
  for (const list of [changes, operators, failures, held, applied, restarts]) list.length = 0;
  // As `serve` reads the default file, which may be missing.
  const readFile = (): string => readFileSync(file, 'utf8');
  const read = () => readConfig({ env: {}, readFile, destinationTypes });
  followed = followFiles({
    config: read(),
    reader: { file, read },
    signals: signals as never,
    onChange: (credentials) => changes.push(credentials),
    admin: {
      useOperators: (entries) =>
        void operators.push(entries.map(({ name, role }) => `${name} ${role}`)),
      useTlsFiles: () => {},
    },
  });
});
afterEach(() => {
  followed.stop();
  rmSync(folder, { recursive: true, force: true });
});

const looks = (): Promise<void> => sleep(1_000);

describe('a file that lost its keys', () => {
  test.each([
    ['gone', () => rmSync(file), /does not exist any more: put it back/],
    ['empty', () => writeFileSync(file, ''), /is empty: fill it/],
    ['blank', () => writeFileSync(file, '\n'), /is empty: fill it/],
    ['a comment', () => writeFileSync(file, '# x\n'), /auth is keys in the running gate, and off/],
    ['cut before auth', () => writeFileSync(file, 'log_level: info\n'), /auth is keys/],
    ['without keys', () => writeFileSync(file, 'auth: keys\n'), /there is no key/],
  ])('revokes none: %s', async (_what, damage, reason) => {
    damage();
    await looks();
    expect(changes).toEqual([]);
    expect(failures.join()).toMatch(reason);
    writeFileSync(file, yaml('app'));
    await expect.poll(() => changes.map(keysOf)).toEqual([['app']]);
  });
});

test('SIGHUP takes a file without keys: all of them may be kept in the log', async () => {
  await looks();
  writeFileSync(file, 'auth: keys\n');
  process.emit('SIGHUP');
  expect(changes.map(keysOf)).toEqual([[]]);
});

describe('each member of a key', () => {
  const write = (members: string): void =>
    writeFileSync(
      file,
      `auth: keys\nkeys:\n  - { source: shop, hash: "${hashWriteKey('shop')}"${members} }\n` +
        `  - { source: app, hash: "${hashWriteKey('app')}" }\n`,
    );
  const shop = (): GateCredentials['keys'][number] => changes.at(-1)!.keys[0]!;

  test.each([
    [', events: ["order_*"]', { events: ['order_*'] }],
    [', relay_sources: ["shop-*"]', { relaySources: ['shop-*'] }],
    [', expires: 2090-01-01', { expiresAtMs: Date.parse('2090-01-01') }],
    [', limits: { events_per_second: 5 }', { limits: { eventsPerSecond: 5 } }],
  ])('is followed when it comes and when it goes: %s', async (members, expected) => {
    write(members);
    await expect.poll(() => changes).toHaveLength(1);
    expect(shop()).toMatchObject(expected);
    expect(applied.at(-1)!.key).toEqual({ added: 0, removed: 0, changed: 1 });
    write('');
    await expect.poll(() => changes).toHaveLength(2);
    expect(shop()).not.toMatchObject(expected);
  });

  test('is a sign of a cut only where it lost something: sources that it relays', async () => {
    const relayed = (): readonly string[] | undefined => changes.at(-1)?.keys[1]!.relaySources;
    const last = (globs: string): void =>
      writeFileSync(file, yaml('shop', 'app').replace(/ }\n$/, `, relay_sources: [${globs}] }\n`));
    last('a');
    await expect.poll(relayed).toEqual(['a']);
    last('a, b');
    await expect.poll(relayed).toEqual(['a', 'b']);
    expect(held).toEqual([]);
    last('b');
    await looks();
    expect(relayed()).toEqual(['a', 'b']);
    process.emit('SIGHUP');
    expect(relayed()).toEqual(['b']);
  });
});

describe('operators', () => {
  const line = (name: string, role = 'viewer'): string =>
    `  - { name: ${name}, role: ${role}, hash: "${hashWriteKey(name)}" }\n`;
  const write = (...lines: string[]): void =>
    writeFileSync(file, `${yaml('shop', 'app')}operators:\n${lines.join('')}`);

  test('are followed, and their roles', async () => {
    write(line('ada'), line('ben'));
    await expect.poll(() => operators).toEqual([['ada viewer', 'ben viewer']]);
    write(line('ada'), line('ben'), line('cleo', 'admin'));
    await expect.poll(() => operators.at(-1)).toEqual(['ada viewer', 'ben viewer', 'cleo admin']);
    expect(applied.at(-1)!.operator).toEqual({ added: 1, removed: 0, changed: 0 });
    write(line('ada', 'operator'), line('ben'), line('cleo', 'admin'));
    await expect.poll(() => operators.at(-1)).toEqual(['ada operator', 'ben viewer', 'cleo admin']);
    expect(applied.at(-1)!.operator).toEqual({ added: 0, removed: 0, changed: 1 });
    write(line('ada', 'operator'), line('ben'), line('cleo', 'viewer'));
    await expect
      .poll(() => operators.at(-1))
      .toEqual(['ada operator', 'ben viewer', 'cleo viewer']);
    expect([held, restarts]).toEqual([[], []]);
    expect(JSON.stringify(applied)).not.toMatch(/sha256|ada/);
  });

  test('that are gone from the end wait, and SIGHUP removes them at once', async () => {
    write(line('ada'), line('ben'));
    await expect.poll(() => operators).toHaveLength(1);
    write(line('ada'));
    await looks();
    expect(operators).toHaveLength(1);
    expect(held.at(-1)!.operator).toEqual({ added: 0, removed: 1, changed: 0 });
    process.emit('SIGHUP');
    expect(operators.at(-1)).toEqual(['ada viewer']);
  });

  test('with a fault stay as they were', async () => {
    write(line('ada'));
    await expect.poll(() => operators).toHaveLength(1);
    write(line('ada'), line('ben', 'root'));
    await looks();
    expect(operators).toHaveLength(1);
    expect(failures.join()).toMatch(/operators\[1\]\.role: "root" .*viewer/);
  });
});

test('what is taken back right after SIGHUP is noticed', async () => {
  await looks();
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, yaml('shop', 'app', 'guest'));
  process.emit('SIGHUP');
  expect(changes.map(keysOf)).toEqual([['shop', 'app', 'guest']]);
  writeFileSync(file, before);
  await expect.poll(() => changes.map(keysOf).at(-1), { timeout: 2_000 }).toEqual(['shop', 'app']);
});

describe('a file that is written in pieces', () => {
  const five = ['shop', 'app', 'guest', 'till', 'kiosk'];
  const start = async (...sources: string[]): Promise<void> => {
    writeFileSync(file, yaml(...sources));
    await looks();
    changes.length = 0;
    applied.length = 0;
  };

  test.each([1, 4])('that stops after %i of five keys revokes none', async (whole) => {
    await start(...five);
    writeFileSync(file, yaml(...five.slice(0, whole)));
    await looks();
    expect(changes).toEqual([]);
    expect(held).toHaveLength(1);
    expect(held[0]!.key).toEqual({ added: 0, removed: 5 - whole, changed: 0 });
    expect(JSON.stringify(held)).not.toMatch(/sha256|shop/);
    writeFileSync(file, yaml(...five, 'new'));
    await expect.poll(() => changes.map(keysOf), { timeout: 2_000 }).toEqual([[...five, 'new']]);
    expect(applied.at(-1)!.key).toEqual({ added: 1, removed: 0, changed: 0 });
  });

  test('line by line, slowly, is taken when it is whole', async () => {
    await start('shop', 'app', 'guest');
    const lines = yaml('new', 'app', 'guest').split(/(?<=\n)/);
    writeFileSync(file, '');
    for (const line of lines) {
      appendFileSync(file, line);
      await sleep(600);
    }
    await expect
      .poll(() => changes.map(keysOf), { timeout: 2_000 })
      .toEqual([['new', 'app', 'guest']]);
  });

  test('revokes when it has stayed the same for five seconds', async () => {
    await start(...five);
    writeFileSync(file, yaml('shop'));
    const since = performance.now();
    await expect.poll(() => changes.map(keysOf), { timeout: 8_000 }).toEqual([['shop']]);
    expect(performance.now() - since).toBeGreaterThan(4_900);
    expect(held).toHaveLength(1);
  });

  test('revokes at once with SIGHUP', async () => {
    await start(...five);
    writeFileSync(file, yaml('shop'));
    process.emit('SIGHUP');
    expect(changes.map(keysOf)).toEqual([['shop']]);
  });

  test('in the middle of a line is reported, though it is valid', async () => {
    const block = (source: string, events: string): string =>
      `auth: keys\nkeys:\n  - hash: "${hashWriteKey('k')}"\n    source: ${source}\n${events}`;
    writeFileSync(file, block('shop', '    events: [a]\n'));
    await expect.poll(() => changes.map(keysOf), { timeout: 8_000 }).toEqual([['shop']]);
    writeFileSync(file, block('sho', '').trimEnd());
    await looks();
    expect(failures.join()).toMatch(/ends in the middle of a line/);
    // The line of the globs is missing, so that the key could send every event.
    writeFileSync(file, block('shop', ''));
    await looks();
    expect([changes.length, held.at(-1)?.key?.changed]).toEqual([1, 1]);
  }, 15_000);

  test('keeps the webhooks and their secrets', async () => {
    const hook = (name: string, ...secrets: string[]): string =>
      `  ${name}:\n    provider: github\n    events: { push: commits_pushed }\n    secret:\n${secrets.map((each) => `      - ${each}\n`).join('')}`;
    const secrets = ['whsec_0123456789abcdef', 'whsec_fedcba9876543210'];
    const whole = `${yaml('shop', 'app')}webhooks:\n${hook('pay', ...secrets)}`;
    writeFileSync(file, whole);
    await expect.poll(() => changes.length, { timeout: 2_000 }).toBe(1);
    for (const cut of [whole.replace(/.*\n$/, ''), yaml('shop', 'app')]) {
      writeFileSync(file, cut);
      await looks();
    }
    expect(changes).toHaveLength(1);
    expect(held.map(({ webhook }) => webhook)).toEqual([
      { added: 0, removed: 0, changed: 1 },
      { added: 0, removed: 1, changed: 0 },
    ]);
  });
});

test('a secret that has changed and needs a restart is named', async () => {
  const admin = (token: string): string => `${yaml('shop', 'app')}admin: { token: ${token} }\n`;
  writeFileSync(file, admin('a-token-of-this-test-1'));
  await expect.poll(() => restarts, { timeout: 2_000 }).toEqual([['admin']]);
  writeFileSync(file, admin('a-token-of-this-test-2'));
  await expect.poll(() => restarts, { timeout: 2_000 }).toEqual([['admin'], ['admin']]);
});
