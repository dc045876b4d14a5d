import { Command } from 'commander';

import { formatFault } from '../validation/registry-fault.ts';
import { readRegistry, type RegistryReading } from '../validation/schema-registry.ts';

interface CheckOptions {
  readonly schemas: string;
  readonly json?: true;
}

/** `headgate schemas check`: says whether the gate would start with a folder of schemas. */
export function schemasCheckCommand(): Command {
  return new Command('check')
    .description('check the taxonomy and every schema, as the gate does when it starts')
    .option('--schemas <dir>', 'the folder with taxonomy.yaml', './schemas')
    .option('--json', 'print JSON for programs')
    .addHelpText(
      'after',
      `
Exit code: 0 when the gate would start with it, 1 when not.

Example:
  $ headgate schemas check --schemas ./schemas`,
    )
    .action(async ({ schemas, json }: CheckOptions) => {
      const reading = await readRegistry(schemas);
      console.log(json === true ? jsonOf(reading) : textOf(schemas, reading));
      if (reading.faults.length > 0) process.exitCode = 1;
    });
}

function jsonOf({ registry, faults }: RegistryReading): string {
  const events = registry.events.map(({ name, owner, description, mode, active, versions }) => ({
    name,
    owner,
    description,
    mode,
    active,
    versions: versions.map(({ version }) => version),
  }));
  const { verbs, unplanned } = registry;
  return JSON.stringify({ sound: faults.length === 0, verbs, unplanned, events, faults }, null, 2);
}

function textOf(directory: string, { registry, faults }: RegistryReading): string {
  if (faults.length > 0) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    const lines = faults.map((fault) => `  ${formatFault(fault)}`);
    return [`${count} in ${directory}:`, ...lines].join('\n');
  }
  const width = Math.max(...registry.events.map(({ name }) => name.length));
  const lines = registry.events.map(({ name, mode, active, versions }) => {
    const states = versions.map(({ version }) =>
      version === active ? `${version} (active)` : String(version),
    );
    return `  ${name.padEnd(width)}  ${mode.padEnd(7)}  ${states.join(', ')}`;
  });
  const sum = registry.events.length === 1 ? '1 event' : `${registry.events.length} events`;
  return [`${sum} in ${directory}, all sound:`, ...lines].join('\n');
}
