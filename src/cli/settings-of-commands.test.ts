import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { environmentName } from '../config/settings.ts';
import { createProgram, loadCommands } from './program.ts';

/*
 * Every command reads the configuration of the gate: each setting that concerns it counts as a variable,
 * in the file of HEADGATE_CONFIG, and in that of --config. Each command is run with a value that cannot
 * work, and must name it.
 */

const makers = await loadCommands();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'headgate-settings-'));
  writeFileSync(path.join(folder, 'events.ndjson'), '{}\n');
  writeFileSync(path.join(folder, 'plan.json'), '{"rules":[]}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const key = '0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11';
/** Nothing listens there. */
const nowhere = '127.0.0.1:1';
const missing = path.join(os.tmpdir(), 'headgate-no-such-folder');

const schemas = { schemas_dir: missing };
const admin = { 'admin.listen': nowhere };

/** By command: arguments that make it begin, and each setting by itself with what the command says then. */
const commands: Readonly<
  Record<string, { readonly args: string; readonly settings: Readonly<Record<string, string>> }>
> = {
  serve: { args: '', settings: { listen: '0.0.0.0:99999', schemas_dir: missing } },
  init: { args: '--dir FOLDER/init', settings: {} },
  // Any file that can be read: its key is not used before the settings are right.
  relay: {
    args: `--to https://gate.example --key ${import.meta.filename}`,
    settings: { listen: '0.0.0.0:99999' },
  },
  track: {
    args: `--event a --user u --idempotency-key ${key} --retry-for 0s`,
    settings: { listen: nowhere },
  },
  query: { args: 'select', settings: { data_dir: missing } },
  tail: { args: '', settings: admin },
  'schemas check': { args: '', settings: schemas },
  'schemas infer': { args: '--update --dry-run', settings: admin },
  'schemas import': { args: '--from segment FOLDER/plan.json --dry-run', settings: schemas },
  'schemas try': { args: 'order_completed@1', settings: schemas },
  'schemas push': { args: '', settings: schemas },
  'schemas list': { args: '', settings: admin },
  'schemas activate': { args: 'order_completed@1', settings: admin },
  'schemas deprecate': { args: 'order_completed@1', settings: admin },
  'schemas docs': { args: '--out FOLDER/docs', settings: schemas },
  codegen: { args: '--lang ts --out FOLDER/out', settings: schemas },
  validate: { args: 'FOLDER/events.ndjson', settings: { ...schemas, enforcement: 'nonsense' } },
  mock: { args: '', settings: { ...schemas, listen: '0.0.0.0:99999' } },
  'keys create': { args: '--source shop', settings: admin },
  'keys list': { args: '', settings: admin },
  'keys rotate': { args: '0123456789ab', settings: admin },
  'keys revoke': { args: '0123456789ab', settings: admin },
  'keys new': { args: '--source shop', settings: {} },
  'operators new': { args: '--name ada --role viewer', settings: {} },
  audit: { args: '', settings: admin },
  'rejected list': { args: '', settings: admin },
  'rejected show': { args: '1', settings: admin },
  'rejected stats': { args: '', settings: admin },
  'rejected replay': { args: '1', settings: admin },
  'rejected discard': { args: '1 --why test', settings: admin },
  'dead list': { args: '', settings: admin },
  'dead show': { args: 'id', settings: admin },
  'dead replay': { args: 'id', settings: admin },
  'dead fix': { args: 'id --set /properties/a=1', settings: admin },
  'dead discard': { args: 'id --why no', settings: admin },
  destinations: { args: '', settings: admin },
  'destinations pause': { args: 'crm --why maintenance', settings: admin },
  'destinations resume': { args: 'crm', settings: admin },
  'destinations remove': { args: 'crm --yes', settings: admin },
  redeliver: { args: '--destination crm --dry-run', settings: admin },
  'redeliver list': { args: '', settings: admin },
  'redeliver follow': { args: '3f9c21aa', settings: admin },
  'redeliver pause': { args: '3f9c21aa', settings: admin },
  'redeliver resume': { args: '3f9c21aa', settings: admin },
  'redeliver cancel': { args: '3f9c21aa', settings: admin },
  'archive list': { args: '', settings: { listen: '0.0.0.0:99999' } },
  'archive replay': { args: '--through-gate', settings: { listen: '0.0.0.0:99999' } },
  trace: { args: key, settings: admin },
  'tables plan': { args: '', settings: schemas },
  'transform try': { args: '--destination warehouse', settings: { data_dir: missing } },
  'partitions show': { args: '', settings: { data_dir: missing } },
  'partitions set': { args: '2 --yes', settings: { data_dir: missing } },
  reconcile: { args: '', settings: { data_dir: missing } },
  doctor: { args: '', settings: { schemas_dir: missing, 'admin.listen': nowhere } },
};

/** Commands that do something, by their words. */
function leavesOf(command: Command, words: readonly string[] = []): string[] {
  const own = words.join(' ');
  const below = command.commands.flatMap((child) => leavesOf(child, [...words, child.name()]));
  // With some below them, these do something by themselves too.
  const acts = below.length === 0 || own === 'destinations' || own === 'redeliver';
  return acts ? [own, ...below] : below;
}

async function saidBy(command: string, env: Record<string, string>, more: string): Promise<string> {
  const said: string[] = [];
  const collect = (text: unknown): boolean => said.push(String(text)) > 0;
  vi.spyOn(console, 'log').mockImplementation(collect);
  vi.spyOn(console, 'error').mockImplementation(collect);
  vi.spyOn(process.stdout, 'write').mockImplementation(collect as typeof process.stdout.write);
  vi.spyOn(process.stderr, 'write').mockImplementation(collect as typeof process.stderr.write);
  const args = `${command} ${commands[command]!.args} ${more}`.replaceAll('FOLDER', folder);
  try {
    await createProgram({ env }, makers).parseAsync(args.split(/\s+/).filter(Boolean), {
      from: 'user',
    });
  } catch (error) {
    said.push((error as Error).message);
  } finally {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  }
  return said.join('\n');
}

const yamlOf = (setting: string, value: string): string => {
  const [outer, inner] = setting.split('.');
  return inner === undefined ? `${outer}: "${value}"\n` : `${outer}: { ${inner}: "${value}" }\n`;
};

test('every command is here', () => {
  expect(Object.keys(commands).sort()).toEqual(leavesOf(createProgram({ env: {} }, makers)).sort());
});

const cases = Object.entries(commands).flatMap(([command, { settings }]) =>
  Object.entries(settings).map(([setting, value]) => ({ command, setting, value })),
);

describe.each(cases)('headgate $command heeds $setting', ({ command, setting, value }) => {
  const others = { HEADGATE_DATA_DIR: path.join(os.tmpdir(), 'headgate-settings-of-commands') };

  test('as a variable', async () => {
    const env = { ...others, [environmentName(setting)]: value };
    expect(await saidBy(command, env, '')).toContain(value);
  });

  test('in the file of HEADGATE_CONFIG, and in that of --config', async () => {
    const file = path.join(folder, 'own.yaml');
    writeFileSync(file, yamlOf(setting, value));
    expect(await saidBy(command, { HEADGATE_CONFIG: file }, '')).toContain(value);
    expect(await saidBy(command, {}, `--config ${file}`)).toContain(value);
  });
});
