import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import { generate, type GenerateOptions } from '../../src/codegen/generate.ts';
import { loadRegistry } from '../../src/validation/schema-registry.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));
/** Events with everything that a type can and cannot express. */
export const everySchema = path.join(root, 'test/codegen/schemas');

export interface Compiled {
  readonly status: number | null;
  readonly output: string;
}

/** A folder with a generated client and code that uses it. Removed when the test ends. */
export interface Workshop {
  readonly folder: string;
  write(files: Readonly<Record<string, string>>): void;
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Compiled;
}

export async function openWorkshop(
  options: Partial<GenerateOptions> & Pick<GenerateOptions, 'language'>,
  under = '',
  schemas = everySchema,
): Promise<Workshop> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-codegen-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const write: Workshop['write'] = (files) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
  };
  const registry = await loadRegistry(schemas);
  const file = generate(registry, {
    events: [],
    packageName: undefined,
    protoImport: undefined,
    ...options,
  });
  write({ [path.join(under, file.path)]: file.text });
  return {
    folder,
    write,
    run: (command, args, env = {}) => {
      const { status, stdout, stderr, error } = spawnSync(command, args, {
        cwd: folder,
        encoding: 'utf8',
        timeout: 110_000,
        env: { ...process.env, ...env },
      });
      return { status, output: `${stdout}${stderr}${error?.message ?? ''}` };
    },
  };
}

/** Whether a language is not installed. Then prints what is skipped, and why. */
export function isMissing(command: string, args: readonly string[]): boolean {
  const { status } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
  if (status === 0) return false;
  console.log(
    `skipped: there is no "${[command, ...args].join(' ')}" here, so that its output is not compiled`,
  );
  return true;
}
