import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';

import { root } from '../documentation/markdown.ts';
import { goBuild, javaBuild, programsFolder } from './compiled.ts';
import type { Sdk } from './sdks.ts';

/** Where `npm run test:sdks` puts the SDKs. HEADGATE_TEST_SDKS names another folder. */
export const sdksFolder = path.resolve(
  process.env['HEADGATE_TEST_SDKS'] ?? path.join(root, '.headgate', 'sdks'),
);

const installTimeoutMs = 300_000;

/** Each version has a folder of its own, because their dependencies conflict. */
export function folderOf({ language, name, version }: Sdk): string {
  const plain = name.replaceAll(/[^a-zA-Z0-9.]+/g, '-').replace(/^-/, '');
  return path.join(sdksFolder, `${language.toLowerCase()}-${plain}-${version}`);
}

/** Written when all of it is there: an install that was cut short is made again. */
const doneFile = (sdk: Sdk): string => path.join(folderOf(sdk), 'installed');

export function isInstalled(sdk: Sdk): boolean {
  const file = doneFile(sdk);
  return existsSync(file) && readFileSync(file, 'utf8') === sourcesOf(sdk);
}

/** What was compiled with the SDK; empty for programs that are not compiled. */
function sourcesOf({ language, program, besides }: Sdk): string {
  if (language !== 'Go' && language !== 'Java') return '';
  const files = [program, ...besides].map((file) => path.join(programsFolder, file));
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** Installs it into its folder. Returns why it cannot be had; undefined: it is there. */
export async function install(sdk: Sdk): Promise<string | undefined> {
  if (isInstalled(sdk)) return undefined;
  const folder = folderOf(sdk);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [command, ...args] of commandsOf(sdk, folder)) {
    const { status, output } = await run(command!, args, folder);
    if (status === 0) continue;
    const reason =
      output
        .trim()
        .split('\n')
        // Composer ends with its usage.
        .findLast((line) => /\w/.test(line) && !line.includes('[--')) ?? '';
    return `${[command, ...args].join(' ')}: ${reason.trim().slice(0, 200)}`;
  }
  writeFileSync(doneFile(sdk), sourcesOf(sdk));
  return undefined;
}

function commandsOf(sdk: Sdk, folder: string): readonly (readonly string[])[] {
  const { language, name, version } = sdk;
  if (language === 'Python') {
    const quiet = ['-q', '--disable-pip-version-check', '--no-warn-conflicts'];
    return [
      ['python3', '-m', 'pip', 'install', ...quiet, '--target', folder, `${name}==${version}`],
    ];
  }
  if (language === 'Node') {
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--save-exact'];
    return [['npm', 'install', ...quiet, `${name}@${version}`]];
  }
  if (language === 'Ruby') {
    return [['gem', 'install', '--no-document', '--install-dir', folder, name, '-v', version]];
  }
  if (language === 'PHP') {
    writeFileSync(path.join(folder, 'composer.json'), '{}\n');
    const quiet = ['--no-interaction', '--no-progress', '--no-plugins', '--no-scripts'];
    return [['composer', 'require', ...quiet, `${name}:${version}`]];
  }
  return language === 'Go' ? goBuild(sdk, folder) : javaBuild(sdk, folder);
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ status: number | null; output: string }> {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: installTimeoutMs,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: null, output: error.message }));
    child.once('close', (status) => resolve({ status, output }));
  });
}
