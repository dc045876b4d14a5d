import { createReadStream, fstatSync, openSync } from 'node:fs';

import { Command } from 'commander';

import { StartError } from '../../errors.ts';
import type { CommandContext } from '../command-context.ts';
import { commandSettings, schemasFolder, type SchemasOptions } from '../command-settings.ts';
import { configOption, schemasOption } from '../shared-options.ts';
import { openValidate } from './decide-locally.ts';
import { createReport, textOf } from './report.ts';
import { validateFile } from './validate-file.ts';

interface ValidateOptions extends SchemasOptions {
  readonly makeKeys?: true;
  readonly json?: true;
}

/** `headgate validate`: validates the events of a file by local schemas. */
export function validateCommand({ env }: CommandContext): Command {
  const command = new Command('validate')
    .description('validate events with local schemas, as the gate would; sends and stores nothing')
    .argument(
      '<file>',
      'one event, a list, {"events": [...]}, or one event a line; - is standard input',
    )
    .addOption(schemasOption())
    .addOption(configOption())
    .option('--make-keys', 'derive a missing key of a line, as track --make-keys does')
    .option('--json', 'print JSON for programs')
    .addHelpText(
      'after',
      `
Exit code: 0 when every event would be stored, 1 when one would be rejected.

Example:
  $ headgate validate events.ndjson --schemas ./schemas`,
    );
  return command.action(async (file: string, { makeKeys, json, ...options }: ValidateOptions) => {
    const rules = commandSettings(options.config, env, ['enforcement', 'limits.event_bytes_max']);
    const validate = await openValidate(schemasFolder(options, env), {
      enforcement: rules.enforcement,
      eventBytesMax: rules['limits.event_bytes_max'],
    });
    const report = createReport();
    await validateFile(openInput(file), validate, report.add, makeKeys);
    console.log(json === true ? JSON.stringify(report.sum(), null, 2) : textOf(report.sum()));
    if (report.sum().rejected > 0) process.exitCode = 1;
  });
}

function openInput(file: string): AsyncIterable<Buffer> {
  if (file === '-') return process.stdin;
  try {
    const fd = openSync(file, 'r');
    if (fstatSync(fd).isDirectory())
      throw new StartError(`${file} is a folder. Name a file, or -.`);
    return createReadStream(file, { fd });
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new StartError(`${file} cannot be read: ${why}.`, { cause });
  }
}
