import { Command, InvalidArgumentError } from 'commander';

import type { CommandContext } from '../command-context.ts';
import type { ReconcileFlags } from './run-reconcile.ts';
import { configOption } from '../shared-options.ts';

/** `headgate reconcile`: compares the log with what each destination was given and has. */
export function reconcileCommand(context: CommandContext): Command {
  return new Command('reconcile')
    .description('compare what was accepted with what each destination has')
    .option(
      '--since <time>',
      'from this time on, or for so long: 24h, 7d, 2026-03-01T00:00:00Z',
      readSince,
    )
    .addOption(configOption())
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Reads the log of a running Headgate, and asks the destinations that can be asked. Give it the settings
and variables that the gate has.

Exit code: 0 when the counts match, 1 when something is missing, a destination that can be asked did not
answer, or the log has other destinations than the settings.

Example:
  $ headgate reconcile --since 7d`,
    )
    .action(async (flags: ReconcileFlags) => {
      // Loaded here, because other commands do not need it.
      const { runReconcile } = await import('./run-reconcile.ts');
      await runReconcile(context, flags);
    });
}

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A Unix time in ms. */
function readSince(text: string): number {
  const span = /^(\d{1,9})([smhd])$/.exec(text);
  if (span !== null) return Date.now() - Number(span[1]) * unitsMs[span[2] as keyof typeof unitsMs];
  const timeMs = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : NaN;
  if (Number.isFinite(timeMs)) return timeMs;
  throw new InvalidArgumentError('Give 30m, 24h or 7d, or a time such as 2026-03-01T00:00:00Z.');
}
