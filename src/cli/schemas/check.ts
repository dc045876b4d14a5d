import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';

import { Command } from 'commander';

import { StartError } from '../../errors.ts';
import { modeText } from '../../validation/modes.ts';
import {
  registryChanges,
  versionSteps,
  type EventChange,
  type VersionStep,
} from '../../validation/compatibility/registry-changes.ts';
import { formatFault } from '../../validation/registry-fault.ts';
import { readRegistry, type RegistryReading } from '../../validation/schema-registry.ts';
import { isObserving } from '../../validation/taxonomy/taxonomy.ts';
import { versionList } from '../../validation/taxonomy/version-state.ts';
import type { CommandContext } from '../command-context.ts';
import { schemasFolder, type SchemasOptions } from '../command-settings.ts';
import { configOption, schemasOption } from '../shared-options.ts';
import { checkReport } from './check-report.ts';
import { withSchemasAt } from './git-schemas.ts';

interface CheckOptions extends SchemasOptions {
  readonly against?: string;
  readonly json?: true;
  readonly report?: string;
}

/** `headgate schemas check`: checks whether a gate would start with a folder of schemas. */
export function schemasCheckCommand({ env }: CommandContext): Command {
  return new Command('check')
    .description('check the taxonomy and every schema, as the gate does when it starts')
    .addOption(schemasOption())
    .addOption(configOption())
    .option(
      '--against <ref>',
      'show whom the changes since this commit, branch or tag would break; without it, each version ' +
        'is compared with the one before',
    )
    .option('--json', 'print JSON for programs')
    .option('--report <file>', 'write the findings as Markdown, for a comment on a pull request')
    .addHelpText(
      'after',
      `
Exit code: 0 when the gate would start with it, and every change is one that its event's
\`compatibility\` allows; 1 when not. Without --against, versions older than the active one cannot be
changed any more, and are only reported.

Examples:
  $ headgate schemas check --schemas ./schemas
  $ headgate schemas check --against origin/main`,
    )
    .action(async ({ against, json, report, ...options }: CheckOptions) => {
      const schemas = schemasFolder(options, env);
      const reading = await readRegistry(schemas);
      const sound = reading.faults.length === 0;
      const changes =
        against === undefined || !sound ? undefined : await changesSince(schemas, against, reading);
      const steps = against === undefined && sound ? versionSteps(reading.registry) : undefined;
      const text = json === true ? jsonOf(reading, changes, steps) : textOf(schemas, reading);
      console.log(text);
      if (json !== true && changes !== undefined) console.log(changesText(against!, changes));
      if (json !== true && steps !== undefined) printRefusedSteps(steps);
      if (report !== undefined) {
        const { faults, registry } = reading;
        const events = registry.events.length;
        await writeFile(report, checkReport({ events, faults, changes, against, steps }));
      }
      const allowed = changes?.every((change) => change.allowed) ?? areAllowed(steps ?? []);
      if (!sound || !allowed) process.exitCode = 1;
    });
}

async function changesSince(
  directory: string,
  ref: string,
  reading: RegistryReading,
): Promise<EventChange[]> {
  if (!existsSync(directory)) throw new StartError(`There is no folder ${directory}.`);
  // Invalid schemas are absent from that registry: no gate validated events by them.
  const before = await withSchemasAt(directory, ref, readRegistry);
  if (before.registry.events.length === 0) {
    console.error(
      `${ref} has no event in ${directory}, so every event counts as new. If the folder was moved, ` +
        'move it in a commit of its own, and compare with that.',
    );
  }
  return registryChanges(before.registry, reading.registry);
}

function areAllowed(steps: readonly VersionStep[]): boolean {
  return steps.every(({ allowed, past }) => allowed || past);
}

/** Prints nothing if every version is one that the `compatibility` of its event allows. */
function printRefusedSteps(steps: readonly VersionStep[]): void {
  const refused = steps.filter(({ allowed }) => !allowed);
  if (refused.length === 0) return;
  console.log('Versions that the compatibility of their event does not allow:');
  for (const step of refused) {
    const [head, ...findings] = changeLines(step);
    console.log(step.past ? `${head}, and is older than the active one` : head);
    for (const finding of findings) console.log(finding);
  }
}

function jsonOf(
  { registry, faults }: RegistryReading,
  changes?: readonly EventChange[],
  steps?: readonly VersionStep[],
): string {
  const events = registry.events.map(({ versions, superseded, ...entry }) => ({
    ...entry,
    supersededBy: Object.fromEntries(superseded),
    versions: versions.map(({ version }) => version),
  }));
  const { naming, verbs, unplanned, aliases } = registry;
  const sound = faults.length === 0;
  const compared =
    changes === undefined
      ? steps && { compatible: areAllowed(steps), steps }
      : { compatible: changes.every(({ allowed }) => allowed), changes };
  return JSON.stringify(
    { sound, naming, verbs, unplanned, aliases, events, faults, ...compared },
    null,
    2,
  );
}

function textOf(directory: string, { registry, faults }: RegistryReading): string {
  if (faults.length > 0) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    const lines = faults.map((fault) => `  ${formatFault(fault)}`);
    return [`${count} in ${directory}:`, ...lines].join('\n');
  }
  if (isObserving(registry, registry.events)) {
    return `No events in ${directory}: observe mode, in which events of any name are stored.`;
  }
  const width = Math.max(...registry.events.map(({ name }) => name.length));
  const lines = registry.events.map((event) => {
    const versions = event.versions.map(({ version }) => version);
    const mode = modeText(event.mode).padEnd(7);
    return `  ${event.name.padEnd(width)}  ${mode}  ${versionList(versions, event)}`;
  });
  const sum = registry.events.length === 1 ? '1 event' : `${registry.events.length} events`;
  return [`${sum} in ${directory}, all sound:`, ...lines].join('\n');
}

/** The changes, whether each is allowed, and whom it would break. */
export function changesText(against: string, changes: readonly EventChange[]): string {
  if (changes.length === 0) return `No event has changed since ${against}.`;
  const refused = changes.filter(({ allowed }) => !allowed).length;
  const head = `Since ${against}, ${refused === 0 ? 'all of it allowed' : `${refused} not allowed`}:`;
  return [head, ...changes.flatMap(changeLines)].join('\n');
}

/** One change, and each finding below it. */
export function changeLines({ event, message, findings }: EventChange): string[] {
  return [`  ${event}: ${message}`, ...findings.map((finding) => `    ${finding.message}`)];
}
