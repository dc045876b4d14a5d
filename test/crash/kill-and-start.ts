import { killHard, until, type GateProcess, type GateRun } from './gate-process.ts';
import type { Victim } from './kill-plan.ts';

/** Kills the victim with `kill -9`. Starts the gate again if it was killed. */
export async function killAndStart(
  gate: GateProcess,
  run: GateRun,
  victim: Victim,
): Promise<GateRun> {
  const servers = await until(gate.servers, (ids) => ids.length === 1);
  if (victim !== 'nats-server') run.kill('SIGKILL');
  if (victim !== 'gate') for (const processId of servers) killHard(processId);
  if (victim === 'nats-server') return run;
  await run.exit;
  return gate.start();
}
