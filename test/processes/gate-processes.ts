import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { until, type GateProcess } from '../crash/gate-process.ts';
import { asAdmin } from '../admin-token.ts';

const scrapeTimeoutMs = 20_000;

/** The gate processes that this process has forked. */
export function gateProcessesOf(processId: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (each) => parentOf(each) === processId && /gate-process\.[jt]s/.test(commandLineOf(each)),
    );
}

export function isRunning(processId: number): boolean {
  return commandLineOf(processId) !== '';
}

/** Empty if the process does not exist or has ended. */
export function commandLineOf(processId: number): string {
  return readProcess(processId, 'cmdline');
}

export function environmentOf(processId: number): string {
  return readProcess(processId, 'environ');
}

function parentOf(processId: number): number | undefined {
  const fields = /\) . (\d+) /.exec(readProcess(processId, 'stat'))?.[1];
  return fields === undefined ? undefined : Number(fields);
}

function readProcess(processId: number, file: string): string {
  try {
    return readFileSync(`/proc/${processId}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** How many connections to a local port a process has open. */
export function connectionsOf(processId: number, port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const established = '01';
  const inodes = new Set(
    readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1]?.endsWith(local) && fields[3] === established)
      .map((fields) => `socket:[${fields[9]}]`),
  );
  return readdirSync(`/proc/${processId}/fd`).filter((name) => {
    try {
      return inodes.has(readlinkSync(`/proc/${processId}/fd/${name}`));
    } catch {
      return false;
    }
  }).length;
}

/** Every series of the page, by its name and labels as written there. */
export async function scrape(gate: GateProcess): Promise<ReadonlyMap<string, number>> {
  const signal = AbortSignal.timeout(scrapeTimeoutMs);
  const answer = await fetch(`http://${gate.adminListen}/metrics`, { ...asAdmin, signal });
  const lines = (await answer.text()).split('\n').filter((line) => line.startsWith('headgate_'));
  return new Map(
    lines.map((line): [string, number] => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** The sum over the series of a family whose labels hold `label`. */
export function total(page: ReadonlyMap<string, number>, family: string, label = ''): number {
  let sum = 0;
  for (const [series, value] of page) {
    if (series.split('{', 1)[0] === family && series.includes(label)) sum += value;
  }
  return sum;
}

/** Waits until this many gate processes serve. */
export async function untilServing(gate: GateProcess, count: number): Promise<void> {
  await until(
    async () => total(await scrape(gate), 'headgate_gate_processes'),
    (running) => running === count,
  );
}
