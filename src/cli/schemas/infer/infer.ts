import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { Command, Option } from 'commander';

import { StartError } from '../../../errors.ts';
import {
  planContracts,
  type ContractPlan,
  type KnownContracts,
} from '../../../inference/plan-contracts.ts';
import { createTraffic, type SeenTraffic } from '../../../inference/traffic.ts';
import {
  personalDataActions,
  type PersonalDataAction,
} from '../../../validation/schema/personal-data.ts';
import { loadRegistry, taxonomyFile } from '../../../validation/schema-registry.ts';
import type { CommandContext } from '../../command-context.ts';
import { schemasFolder } from '../../command-settings.ts';
import { adminOption, configOption } from '../../shared-options.ts';
import { readCount, readMoment } from '../../terminal/option-values.ts';
import { print } from '../../terminal/print.ts';
import { createWalkProgressBar } from '../../terminal/walk-progress.ts';
import { openSource } from '../../track/source.ts';
import { writeContracts } from './write-contracts.ts';
import { taxonomyName } from '../../../operators/contracts/read-events.ts';
import { markdownReport, printReport, type ReadingFacts } from './report.ts';
import { walkFile } from './walk-file.ts';
import { walkRejected, walkStored, type GateRange } from './walk-gate.ts';

interface InferOptions extends Omit<GateRange, 'since'> {
  readonly since?: number;
  readonly file?: string;
  readonly out?: string;
  readonly update?: true;
  readonly rejected: boolean;
  readonly samplesMin: number;
  readonly personal?: PersonalDataAction;
  readonly report?: string;
  readonly dryRun?: true;
}

const weekMs = 7 * 86_400_000;
const samplesMinDefault = 20;

/** `headgate schemas infer`: contracts from the events that came. */
export function schemasInferCommand({ env }: CommandContext): Command {
  return new Command('infer')
    .description('write contracts for the events that came: stored, rejected and unplanned ones')
    .option('--since <time>', 'events since: 7d ago, or 2026-03-01T12:00:00Z', readMoment)
    .option('--until <time>', 'events before this time', readMoment)
    .option('--source <name>', 'only of this source')
    .option('--event <name>', 'only of this event name')
    .option('--no-rejected', 'leave out rejected events')
    .addOption(
      new Option('--file <ndjson>', 'read one event a line instead; - is standard input').conflicts(
        ['since', 'until', 'source', 'event', 'admin'],
      ),
    )
    .option('--out <dir>', 'the folder to write into (default: schemas_dir)')
    .option('--update', 'add to the contracts that the folder has; nothing becomes narrower')
    .option(
      '--samples-min <count>',
      'with fewer values of a property, require and limit nothing',
      readCount,
      samplesMinDefault,
    )
    .addOption(
      new Option('--personal <action>', 'mark properties that look personal with x-pii').choices(
        personalDataActions,
      ),
    )
    .option('--report <file>', 'write what it was unsure of as Markdown')
    .option('--dry-run', 'write no contracts, only report')
    .addOption(adminOption())
    .addOption(configOption())
    .addHelpText('after', help)
    .action((options: InferOptions) => inferContracts(options, env));
}

const help = `
Nothing is turned away by what it writes (mode: warn, unplanned: warn) until you enforce it.

Examples:
  $ headgate schemas infer --since 7d
  $ headgate schemas infer --file events.ndjson --out schemas --report review.md
  $ headgate schemas infer --update`;

async function inferContracts(options: InferOptions, env: CommandContext['env']): Promise<void> {
  const folder = options.out ?? schemasFolder(options, env);
  const known = await readKnown(folder, options.update === true);
  const aliases = known?.registry.aliases ?? {};
  const nameOf = (sent: string): string | undefined => {
    const name = taxonomyName(sent);
    return name !== undefined && Object.hasOwn(aliases, name) ? aliases[name] : name;
  };
  const traffic = createTraffic(nameOf, known?.registry.events);
  const unreadable = await readTraffic(options, env, traffic);
  if (traffic.added === 0) throw new StartError(nothingRead(options));
  const choices = { samplesMin: options.samplesMin, personal: options.personal };
  const origin = `Made by headgate schemas infer from ${traffic.added.toLocaleString('en')} events.`;
  const plan = planContracts(traffic, known, choices, origin);
  const { added: events, unnamed, otherUnnamed, beyond } = traffic;
  const seen = { events, unnamed, otherUnnamed, beyond, isFull: traffic.isFull() };
  const facts = { folder, unreadable, ...seen };
  await writePlan(plan, facts, options);
}

async function readKnown(folder: string, isUpdate: boolean): Promise<KnownContracts | undefined> {
  const file = path.join(folder, taxonomyFile);
  if (!existsSync(file)) return undefined;
  if (!isUpdate) {
    throw new StartError(
      `${file} exists. Add to it with --update, or write into another folder with --out.`,
    );
  }
  return { registry: await loadRegistry(folder), taxonomy: await readFile(file, 'utf8') };
}

async function readTraffic(
  options: InferOptions,
  env: CommandContext['env'],
  traffic: SeenTraffic,
): Promise<number> {
  const progress = createWalkProgressBar(process.stderr);
  try {
    if (options.file !== undefined) {
      return await walkFile(openSource(options.file, process.stdin), traffic, progress);
    }
    const range = { ...options, since: options.since ?? Date.now() - weekMs };
    await walkStored(range, env, traffic, progress);
    return options.rejected ? await walkRejected(range, env, traffic, progress) : 0;
  } finally {
    progress.stop();
  }
}

function nothingRead({ file }: InferOptions): string {
  return file === undefined
    ? 'No event came in this time. Name an earlier time with --since, or a file with --file.'
    : `${file} has no event. Write one a line, as for POST /v1/track or as Segment's SDKs send it.`;
}

async function writePlan(
  plan: ContractPlan,
  facts: ReadingFacts,
  { report, dryRun }: InferOptions,
): Promise<void> {
  printReport(plan, facts);
  if (report !== undefined) await writeFile(report, markdownReport(plan, facts));
  const { folder } = facts;
  if (dryRun !== true) await writeContracts(folder, plan.files);
  const count = [...plan.files.keys()].filter((name) => name !== taxonomyFile).length;
  const files = count === 1 ? '1 schema' : `${count} schemas`;
  print(dryRun === true ? `${files} would be written to ${folder}.` : `${files} in ${folder}.`);
  if (count > 0 && dryRun !== true) {
    print(`Next: replace each TODO, then headgate schemas check --schemas ${folder}`);
  }
}
