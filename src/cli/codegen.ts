import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { Command, Option } from 'commander';

import {
  generate,
  generatedMark,
  languages,
  type GeneratedFile,
  type Language,
} from '../codegen/generate.ts';
import { StartError } from '../errors.ts';
import { loadRegistry } from '../validation/schema-registry.ts';
import type { CommandContext } from './command-context.ts';
import { schemasFolder, type SchemasOptions } from './command-settings.ts';
import { configOption, schemasOption } from './shared-options.ts';

interface CodegenOptions extends SchemasOptions {
  readonly lang: Language;
  readonly out: string;
  readonly events?: string;
  readonly package?: string;
  readonly protoImport?: string;
  readonly check?: true;
}

/** `headgate codegen`: writes a typed client from the schemas. */
export function codegenCommand({ env }: CommandContext): Command {
  return new Command('codegen')
    .description('write a typed client: one type and one function for each event')
    .addOption(
      new Option('--lang <language>', 'in this language').choices(languages).makeOptionMandatory(),
    )
    .requiredOption('--out <dir>', 'the folder to write into')
    .addOption(schemasOption())
    .addOption(configOption())
    .option('--events <globs>', 'only these events, separated by commas: order_*,invoice_paid')
    .option(
      '--package <name>',
      'the package of the file, for go (events) and java (headgate.events)',
    )
    .option('--proto-import <path>', 'where the generated protocol buffers are: required for go')
    .option('--check', 'write nothing; check that the file is up to date')
    .addHelpText('after', help)
    .action((options: CodegenOptions) => run(options, env));
}

const help = `
Exit code: 0 when written (with --check: up to date), 1 when not.

Examples:
  $ headgate codegen --lang ts --out src/events
  $ headgate codegen --lang go --out events --proto-import example.com/shop/gen/headgate/v1
  $ headgate codegen --lang ts --out src/events --check`;

async function run(options: CodegenOptions, env: CommandContext['env']): Promise<void> {
  const registry = await loadRegistry(schemasFolder(options, env));
  const file = generate(registry, {
    language: options.lang,
    events:
      options.events === undefined ? [] : options.events.split(',').map((glob) => glob.trim()),
    packageName: options.package,
    protoImport: options.protoImport,
  });
  const target = path.join(options.out, file.path);
  const present = await readPresent(target);
  if (options.check) check(file, target, present);
  else await write(file, target, present);
}

function check(file: GeneratedFile, target: string, present: string | undefined): void {
  if (present === file.text) {
    console.log(`${target} is up to date`);
    return;
  }
  const why = present === undefined ? 'is not there' : 'is not what the schemas say now';
  throw new StartError(`${target} ${why}. Write it: the same command without --check.`);
}

async function write(
  file: GeneratedFile,
  target: string,
  present: string | undefined,
): Promise<void> {
  if (present !== undefined && !present.slice(0, 200).includes(generatedMark)) {
    throw new StartError(`${target} was not written by this command, and is left as it is.`);
  }
  if (present !== file.text) {
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, file.text);
  }
  console.log(present === file.text ? `${target} is up to date` : `wrote ${target}`);
}

async function readPresent(target: string): Promise<string | undefined> {
  try {
    return await readFile(target, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new StartError(`${target} cannot be read: ${message}.`, { cause: error });
  }
}
