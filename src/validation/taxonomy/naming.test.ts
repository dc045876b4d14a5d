import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { JsonValue } from '../../event/json/json.ts';
import { loadContracts, loadRegistry, observedRegistry, readRegistry } from '../schema-registry.ts';
import { orderCompleted, schemasFolder } from '../schemas-folder.fixture.ts';
import { createValidation } from '../validation.ts';

const schema = { type: 'object', additionalProperties: false, properties: {} };

function taxonomy(lines: string): string {
  return `naming: any\nunplanned: warn\n${lines}\n`;
}

async function validationOf(text: string, files: Record<string, JsonValue> = {}) {
  const folder = schemasFolder({ 'taxonomy.yaml': text, ...files });
  return createValidation(await loadRegistry(folder));
}

async function problemsOf(text: string, files: Record<string, JsonValue> = {}): Promise<string[]> {
  const { faults } = await readRegistry(schemasFolder({ 'taxonomy.yaml': text, ...files }));
  return faults.map(({ problem }) => problem);
}

describe('where observe mode begins', () => {
  const emptyFolder = (): string => {
    const folder = mkdtempSync(path.join(tmpdir(), 'headgate-contracts-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  test('no folder was named, and the default one does not exist', async () => {
    const schemasDir = path.join(emptyFolder(), 'schemas');
    expect(await loadContracts({ schemasDir, schemasDirNamed: false })).toBe(observedRegistry);
    await expect(loadContracts({ schemasDir, schemasDirNamed: true })).rejects.toThrow(
      'there is no such file',
    );
  });

  test('a folder that is there, and cannot be used, never opens the gate', async () => {
    const folder = emptyFolder();
    const [empty, file, dangling, unreadable] = ['a', 'b', 'c', 'd'].map((name) =>
      path.join(folder, name),
    ) as [string, string, string, string];
    mkdirSync(empty);
    writeFileSync(file, '');
    symlinkSync(path.join(folder, 'gone'), dangling);
    mkdirSync(unreadable);
    chmodSync(unreadable, 0);
    for (const schemasDir of [empty, file, dangling, unreadable]) {
      await expect(loadContracts({ schemasDir, schemasDirNamed: false })).rejects.toThrow(
        '1 fault',
      );
    }
  });

  test('events: {} stands without a word on unplanned events', async () => {
    for (const text of ['events: {}', 'naming: any\nevents: {}', 'verbs: [paid]\nevents: {}']) {
      const { validate } = await validationOf(text);
      const { error, warnings } = validate(orderCompleted({ eventName: 'Login' }));
      expect([error, warnings[0]?.message]).toEqual([
        undefined,
        'observe mode: there are no contracts yet, and events of any name are stored',
      ]);
    }
    expect(await problemsOf('naming: any\nunplanned: warn\nevents: {}')).toEqual([
      'events names no event',
    ]);
  });
});

describe('naming: any', () => {
  const files = { '+order=20+completed/1.json': schema, 'order_completed/1.json': schema };
  const entries = 'events: { "Order Completed": E, order_completed: E }'.replaceAll(
    'E',
    '{ owner: a, description: b, active: 1 }',
  );

  test('two names that differ in capitals have a folder each', async () => {
    const { validate } = await validationOf(taxonomy(entries), files);
    for (const eventName of ['Order Completed', 'order_completed']) {
      const extra = validate(orderCompleted({ eventName, properties: { a: 1 } }));
      expect(extra.error?.code).toBe('schema_violation');
      expect(validate(orderCompleted({ eventName, properties: {} })).schemaVersion).toBe(1);
    }
  });

  test('a first contract turns no other name away', async () => {
    const { validate } = await validationOf(taxonomy(entries), files);
    const { error, warnings } = validate(orderCompleted({ eventName: 'Signed Up' }));
    expect([error, warnings[0]?.code]).toEqual([undefined, 'unplanned_event']);
    const strict = taxonomy(entries).replace('unplanned: warn', 'unplanned: reject');
    const { validate: strictly } = await validationOf(strict, files);
    expect(strictly(orderCompleted({ eventName: 'Signed Up' })).error?.code).toBe(
      'unplanned_event',
    );
  });

  test.each([
    ['"": E', 'is missing'],
    ['"a\\nb": E', 'control character'],
    [`"${'x'.repeat(129)}": E`, '128 bytes'],
    ['_mine: E', 'begin with _ are reserved'],
    ['"Cafe\\u0301": E', 'NFC'],
  ])('an entry cannot be named %s', async (line, problem) => {
    const entry = '{ owner: a, description: b, mode: off }';
    const problems = await problemsOf(taxonomy(`events: { ${line.replace('E', entry)} }`));
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });
});

describe('an entry without a schema', () => {
  const off = 'events: { Login: { owner: a, description: b, mode: off } }';

  test('takes every event of its name, without a warning', async () => {
    const { validate, eventNames } = await validationOf(taxonomy(off));
    const login = orderCompleted({ eventName: 'Login', properties: { a: 1 } });
    expect(validate(login)).toMatchObject({ error: undefined, warnings: [], schemaVersion: 0 });
    expect(validate({ ...login, schemaVersion: 1 }).error?.message).toContain('has no schema');
    expect(eventNames).toEqual(['Login']);
  });

  test('is refused unless its mode is off', async () => {
    const warn = taxonomy(off.replace('mode: off', 'mode: warn, active: 1'));
    expect(await problemsOf(warn)).toEqual(['events.Login has no schema']);
    expect(await problemsOf(taxonomy(off), { '+login/1.json': schema })).toEqual([
      'events.Login.active is missing',
    ]);
  });
});

describe('aliases', () => {
  const strict = [
    'verbs: [completed]',
    'aliases: { "Order Completed": order_completed, Kauf: order_completed }',
    'events: { order_completed: { owner: a, description: b, active: 1 } }',
  ].join('\n');
  const files = { 'order_completed/1.json': schema };

  test('an event under an alias is validated and stored under its own name', async () => {
    const { validate, nameSent } = await validationOf(strict, files);
    for (const eventName of ['Order Completed', 'Kauf']) {
      const sent = orderCompleted({ eventName, properties: {} });
      expect(validate(sent)).toMatchObject({
        error: undefined,
        schemaVersion: 1,
        event: { eventName: 'order_completed' },
      });
      expect(nameSent(sent).eventName).toBe('order_completed');
    }
    expect(validate(orderCompleted({ eventName: 'constructor' })).error?.code).toBe(
      'invalid_event_name',
    );
  });

  test('the name that a vendor sent counts, whatever its endpoint made of it', async () => {
    const { validate } = await validationOf(strict, files);
    const vendorCall = { system: 'segment', call: 'track', eventName: 'Kauf' } as const;
    const { event } = validate(orderCompleted({ eventName: 'kauf', vendorCall, properties: {} }));
    expect(event?.eventName).toBe('order_completed');
  });

  test('a rejected event is kept as it was sent', async () => {
    const { validate } = await validationOf(strict, files);
    const sent = orderCompleted({ eventName: 'Kauf', properties: { a: 1 } });
    expect(validate(sent)).toMatchObject({ error: { code: 'schema_violation' }, event: undefined });
  });

  test.each([
    ['[a]', 'aliases is not a mapping'],
    ['{ a: order_paid }', 'aliases.a is order_paid, which no entry names'],
    ['{ a: 1 }', 'aliases.a is not the name of an event'],
    ['{ "": order_completed }', 'aliases.: the name is missing'],
    ['{ order_completed: order_completed }', 'is the name of an entry itself'],
    ['{ "Caf\\u00e9": order_completed, "Cafe\\u0301": order_completed }', 'is there twice'],
    [
      `{ ${Array.from({ length: 2001 }, (_, at) => `a${at}: order_completed`).join(', ')} }`,
      'aliases has 2001 names, more than 2000',
    ],
  ])('aliases: %s is refused', async (aliases, problem) => {
    const text = strict.replace(/aliases: .*/, `aliases: ${aliases}`);
    expect(await problemsOf(text, files)).toEqual([expect.stringContaining(problem)]);
  });
});
