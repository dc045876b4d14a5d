import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { Command, Option } from 'commander';
import { parseAllDocuments } from 'yaml';

import { StartError } from '../../errors.ts';
import type { JsonValue } from '../../event/json/json.ts';
import { fileNameOfName } from '../../event/name/name-token.ts';
import { snakeName } from '../../gate/decode/vendor/vendor-names.ts';
import { segmentCalls } from '../../gate/vendors/segment-calls.ts';
import { countOf } from '../../inference/schema-of-sketch.ts';
import type { LeftBehind, PlanCall } from '../../tracking-plans/imported-plan.ts';
import { planFiles, type PlanFiles } from '../../tracking-plans/plan-files.ts';
import { readRudderstackPlan } from '../../tracking-plans/rudderstack-plan.ts';
import { readSegmentPages } from '../../tracking-plans/segment-plan.ts';
import { taxonomyFile } from '../../validation/schema-registry.ts';
import type { CommandContext } from '../command-context.ts';
import { schemasFolder } from '../command-settings.ts';
import { configOption } from '../shared-options.ts';
import { markdownText } from '../terminal/markdown.ts';
import { oneLine, print } from '../terminal/print.ts';
import { taxonomyName } from '../../operators/contracts/read-events.ts';
import { writeContracts } from './infer/write-contracts.ts';

interface ImportOptions {
  readonly from: PlanSystem;
  readonly out?: string;
  readonly config?: string;
  readonly report?: string;
  readonly dryRun?: true;
}

const systems = ['segment', 'rudderstack'] as const;
type PlanSystem = (typeof systems)[number];

/** A plan is read whole; one of a thousand events has 5 MB. */
const fileBytesMax = 64 * 1024 * 1024;
const filesMax = 2_000;

/** `headgate schemas import`: a tracking plan as a taxonomy and schemas. */
export function schemasImportCommand({ env }: CommandContext): Command {
  return new Command('import')
    .description("write contracts from another system's tracking plan")
    .argument('<file>', 'the plan; for rudderstack also the folder of a Rudder CLI project')
    .addOption(
      new Option('--from <system>', 'whose plan it is').choices(systems).makeOptionMandatory(),
    )
    .option('--out <dir>', 'the folder to write into (default: schemas_dir)')
    .option('--report <file>', 'write what could not be carried over as Markdown')
    .option('--dry-run', 'write no contracts, only report')
    .addOption(configOption())
    .addHelpText('after', help)
    .action((file: string, options: ImportOptions) => importPlan(file, options, env));
}

const help = `
Everything that could not be carried over is listed. Nothing is turned away by what it writes (mode:
warn, unplanned: warn) until you enforce it.

Examples:
  $ headgate schemas import --from segment plan.json --out schemas
  $ headgate schemas import --from rudderstack ./catalog --report review.md`;

async function importPlan(
  file: string,
  options: ImportOptions,
  env: CommandContext['env'],
): Promise<void> {
  const folder = options.out ?? schemasFolder({ config: options.config }, env);
  if (existsSync(path.join(folder, taxonomyFile))) {
    throw new StartError(
      `${folder} has a ${taxonomyFile} already: name another folder with --out.`,
    );
  }
  const left: LeftBehind[] = [];
  const report = (place: string, text: string): void => void left.push({ place, text });
  const documents = await readDocuments(file);
  const plan =
    options.from === 'segment'
      ? readSegmentPages(documents, report)
      : readRudderstackPlan(documents, report);
  if (plan === undefined) throw new StartError(`${file} has no tracking plan of ${options.from}.`);
  const files = planFiles(plan, { nameOf, folderOf: fileNameOfName, addedTo }, left);
  if (options.report !== undefined) await writeFile(options.report, reportText(file, files));
  if (options.dryRun !== true) await writeContracts(folder, files.files);
  printResult(files, folder, options.dryRun === true);
}

/** As the gate's endpoint for these calls names them. */
function nameOf(call: PlanCall, eventName: string): string | undefined {
  return segmentCalls[call].eventName ?? taxonomyName(snakeName(eventName));
}

function addedTo(call: PlanCall): readonly string[] {
  return segmentCalls[call].added.map(([property]) => property);
}

async function readDocuments(file: string): Promise<JsonValue[]> {
  const documents: JsonValue[] = [];
  for (const each of await filesOf(file)) documents.push(...(await readDocument(each)));
  return documents;
}

async function filesOf(file: string): Promise<string[]> {
  try {
    if (!(await stat(file)).isDirectory()) return [file];
    const names = (await readdir(file, { recursive: true })).filter((name) =>
      /\.(ya?ml|json)$/.test(name),
    );
    if (names.length > filesMax) throw new StartError(`${file} has more than ${filesMax} files.`);
    return names.sort().map((name) => path.join(file, name));
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(`${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

async function readDocument(file: string): Promise<JsonValue[]> {
  if ((await stat(file)).size > fileBytesMax) {
    throw new StartError(`${file} has more than ${fileBytesMax} bytes.`);
  }
  // What is exported on Windows begins with U+FEFF.
  const text = (await readFile(file, 'utf8')).replace(/^\ufeff/, '');
  try {
    if (/^\s*[{[]/.test(text)) return [JSON.parse(text) as JsonValue];
    return parseAllDocuments(text).map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      return document.toJS() as JsonValue;
    });
  } catch (cause) {
    const why = oneLine((cause as Error).message);
    throw new StartError(`${file} is neither JSON nor YAML: ${why}.`, { cause });
  }
}

function printResult({ files, events, left }: PlanFiles, folder: string, isDry: boolean): void {
  for (const { place, text } of left) print(oneLine(`  ? ${place}: ${text}`));
  const schemas = files.size === 0 ? 0 : files.size - 1;
  const count = `${countOf(events.length, 'event')}, ${countOf(schemas, 'schema')}`;
  const found = left.length === 0 ? 'everything was carried over' : `${left.length} to check`;
  print(`${count} ${isDry ? 'would be written to' : 'in'} ${folder}; ${found}.`);
  if (!isDry && schemas > 0) print(`Next: headgate schemas check --schemas ${folder}`);
}

function reportText(file: string, { events, left }: PlanFiles): string {
  return [
    `# What of ${markdownText(path.basename(file))} could not be carried over`,
    '',
    `${events.length} events were. To check:`,
    '',
    ...left.map(({ place, text }) => `- [ ] ${markdownText(place)}: ${markdownText(text)}`),
    '',
  ].join('\n');
}
