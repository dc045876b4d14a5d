import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';

import { EventLogService } from '../../../../gen/headgate/v1/event_log_service_pb.ts';
import { RejectedService } from '../../../../gen/headgate/v1/rejected_service_pb.ts';
import { StartError } from '../../../errors.ts';
import { triedRejected, triedStored } from '../../../operators/contracts/tried-events.ts';
import type { Candidate } from '../../../validation/trial/candidate.ts';
import {
  createTryTally,
  type BrokenRule,
  type TryTally,
} from '../../../validation/trial/try-tally.ts';
import { connectAdmin } from '../../admin-client.ts';
import { pagesAhead } from '../../admin-port/pages-ahead.ts';
import { readCandidate } from '../candidate.ts';
import type { CommandContext } from '../../command-context.ts';
import { schemasFolder, type SchemasOptions } from '../../command-settings.ts';
import { print, visible } from '../../terminal/print.ts';
import { readMoment } from '../../terminal/option-values.ts';
import { filterMessage } from '../../rejected/filter.ts';
import { createWalkProgressBar, type WalkProgressBar } from '../../terminal/walk-progress.ts';
import { readNamed, type Named } from '../version-name.ts';
import { adminOption, configOption, schemasOption } from '../../shared-options.ts';

interface TryOptions extends SchemasOptions {
  readonly file?: string;
  readonly source?: string;
  readonly since: number;
  readonly until?: number;
  readonly admin?: string;
  readonly json?: true;
}

const pageSize = 500;
const rulesShownMax = 20;
const sinceDefault = '24h';
const count = (value: number): string => value.toLocaleString('en');

/**
 * `headgate schemas try`: the verdicts that a contract would have given to stored and rejected
 * events.
 */
export function schemasTryCommand({ env }: CommandContext): Command {
  return new Command('try')
    .description(
      'say what a version that is not active yet would have done to the events that came',
    )
    .argument('<event>', 'order_completed@3, or order_completed with --file', readNamed)
    .option('--file <file>', 'try this schema instead of a version')
    .addOption(schemasOption())
    .addOption(
      new Option('--since <time>', 'events since: 24h ago, or 2026-03-01T12:00:00Z')
        .argParser(readMoment)
        .default(readMoment(sinceDefault), sinceDefault),
    )
    .option('--until <time>', 'events before this time', readMoment)
    .option('--source <name>', 'only of this source')
    .addOption(adminOption())
    .addOption(configOption())
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((named: Named, options: TryOptions) => tryCandidate(named, options, env));
}

const help = `
Reads what is stored and what was rejected through the admin port, and validates it here: nothing is
written, and deliveries do not notice.

Exit code: 0 when no stored event would have been rejected, 1 when one would.

Examples:
  $ headgate schemas try order_completed@3 --since 24h
  $ headgate schemas try order_completed --file draft.json --since 7d --json`;

async function tryCandidate(
  { eventName, version }: Named,
  options: TryOptions,
  env: CommandContext['env'],
): Promise<void> {
  if (version !== undefined && options.file !== undefined) {
    throw new StartError('Name a version, or a --file, not both.');
  }
  const folder = schemasFolder(options, env);
  const candidate = await readCandidate(eventName, version, options.file, folder);
  const tally = createTryTally(candidate);
  const progress = createWalkProgressBar(process.stderr);
  try {
    await walkStored(candidate, options, env, tally, progress);
    await walkRejected(candidate, options, env, tally, progress);
  } finally {
    progress.stop();
  }
  print(options.json ? jsonOf(candidate, options, tally) : textOf(candidate, tally));
  if (tally.counts.stored.rejected > 0) process.exitCode = 1;
}

async function walkStored(
  { eventName }: Candidate,
  options: TryOptions,
  env: CommandContext['env'],
  tally: TryTally,
  progress: WalkProgressBar,
): Promise<void> {
  const client = connectAdmin(EventLogService, options, env);
  const { source = '', since, until } = options;
  const time = {
    since: timestampFromMs(since),
    ...(until !== undefined && { until: timestampFromMs(until) }),
  };
  const pages = pagesAhead((pageToken) =>
    client.call((service) =>
      service.readEvents({ eventName, source, ...time, pageSize, pageToken }),
    ),
  );
  for await (const page of pages) {
    for (const { sequence, storedJson } of page.events) {
      const event = triedStored(storedJson);
      const { idempotencyKey: idempotency_key } = event;
      tally.validate(event, { stream: 'EVENTS', sequence: Number(sequence), idempotency_key });
    }
    progress.reached(page.walk, `${count(tally.counts.stored.seen)} stored events`);
  }
}

async function walkRejected(
  { eventName }: Candidate,
  options: TryOptions,
  env: CommandContext['env'],
  tally: TryTally,
  progress: WalkProgressBar,
): Promise<void> {
  const client = connectAdmin(RejectedService, options, env);
  const filter = filterMessage({ ...options, event: eventName });
  const pages = pagesAhead((pageToken) =>
    client.call((service) =>
      service.listRejected({ filter, pageSize, pageToken, withEvents: true }),
    ),
  );
  for await (const page of pages) {
    for (const { sequence, eventJson, idempotencyKey: idempotency_key } of page.rejected) {
      const event = triedRejected(eventJson);
      if (event === undefined) tally.skip();
      else
        tally.validate(event, { stream: 'REJECTED', sequence: Number(sequence), idempotency_key });
    }
    progress.reached(page.walk, `${count(tally.counts.rejected.seen)} rejected events`);
  }
}

function jsonOf(candidate: Candidate, options: TryOptions, tally: TryTally): string {
  return JSON.stringify({
    event_name: candidate.eventName,
    candidate: candidate.title,
    mode: candidate.mode,
    since: new Date(options.since).toISOString(),
    ...(options.until !== undefined && { until: new Date(options.until).toISOString() }),
    ...tally.counts,
    violations: tally.rules(),
  });
}

function textOf({ eventName, title, mode }: Candidate, tally: TryTally): string {
  const { stored, rejected } = tally.counts;
  const lines = [
    `${eventName}, ${title}, mode ${mode}`,
    `  stored    ${count(stored.seen)}: ${count(stored.pass)} would pass, ` +
      `${count(stored.warned)} would pass with a warning, ${count(stored.rejected)} would be rejected`,
    `  rejected  ${count(rejected.seen)}: ${count(rejected.newly_accepted)} would be accepted now, ` +
      `${count(rejected.still_rejected)} would still be rejected`,
  ];
  const rules = tally.rules();
  if (rules.length > 0) lines.push('', 'violations, the most frequent first:');
  for (const rule of rules.slice(0, rulesShownMax)) lines.push(ruleText(rule));
  if (rules.length > rulesShownMax)
    lines.push(`  ${rules.length - rulesShownMax} more with --json`);
  return visible(lines.join('\n'));
}

function ruleText({ path, code, message, stored, rejected, examples }: BrokenRule): string {
  const shown = examples.map(({ stream, sequence }) => `${stream} ${sequence}`).join(', ');
  return `  ${stored + rejected}  ${path} ${message} (${code}); e.g. ${shown}`;
}
