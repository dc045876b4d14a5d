import { Command } from 'commander';

import type { CommandContext } from '../command-context.ts';
import type { DoctorFlags } from './run-doctor.ts';
import { configOption } from '../shared-options.ts';

/** `headgate doctor`: checks everything that a gate needs, and says how to fix problems. */
export function doctorCommand(context: CommandContext): Command {
  return new Command('doctor')
    .description(
      'look at settings, NATS, schemas, destinations and this machine, and say what to do',
    )
    .addOption(configOption())
    .option('--admin <url>', 'the admin port (default: from the settings)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Works while the gate runs, and while it is stopped. It changes nothing: it connects to destinations, and
sends them nothing. Give it the settings and variables that the gate has, and run it as the gate's user.

Exit code: 0 when nothing has failed (there may be warnings), 1 when something has.

Example:
  $ headgate doctor --config headgate.yaml`,
    )
    .action(async (flags: DoctorFlags) => {
      // Loaded here, because other commands do not need it.
      const { runDoctor } = await import('./run-doctor.ts');
      await runDoctor(context, flags);
    });
}
