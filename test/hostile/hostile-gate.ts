import { readFileSync } from 'node:fs';

import { afterAll } from 'vitest';

import { hashWriteKey } from '../../src/config/write-key.ts';
import { prepareGate, type GateProcess, type GateProcessOptions } from '../crash/gate-process.ts';
import { preferGate } from './priorities.ts';
import { producerKey } from './producer-key.ts';

/** Several rounds of each attack, and their latencies compared. */
export const isLong = process.env['HOSTILE'] === 'long';

/** A gate as its own process, with keys, that is attacked. */
export interface HostileGate extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly gate: GateProcess;
  /** What its process has used since its start, in ms of CPU; libuv's threads included. */
  cpuMs(): number;
  /** Its resident memory now, in bytes. */
  memoryBytes(): number;
}

export async function startHostileGate(
  env: Readonly<Record<string, string>> = {},
  { atEnd }: Pick<GateProcessOptions, 'atEnd'> = {},
): Promise<HostileGate> {
  const gate = await prepareGate({
    ...(atEnd && { atEnd }),
    yaml: () => `auth: keys\nkeys:\n  - source: shop\n    hash: "${hashWriteKey(producerKey)}"\n`,
    env: { HEADGATE_LOG_LEVEL: 'silent', HEADGATE_ENFORCEMENT: 'warn', ...env },
  });
  const { processId } = await gate.start();
  preferGate(processId, gate.servers());
  return {
    url: gate.url,
    port: Number(new URL(gate.url).port),
    gate,
    cpuMs: () => {
      const fields = readFileSync(`/proc/${processId}/stat`, 'utf8').split(') ')[1]!.split(' ');
      // utime and stime, in ticks of 10 ms (proc(5)).
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    memoryBytes: () => {
      const pages = readFileSync(`/proc/${processId}/statm`, 'utf8').split(' ')[1];
      return Number(pages) * 4096;
    },
    [Symbol.asyncDispose]: () => gate[Symbol.asyncDispose](),
  };
}

/**
 * The gate that the tests of a `describe` attack: the same one, which must stand one attack after the other.
 * A long run compares latencies, and has a gate for each test.
 */
export function attackedGate(
  env: Readonly<Record<string, string>> = {},
): () => Promise<HostileGate> {
  if (isLong) return () => startHostileGate(env);
  let gate: Promise<HostileGate> | undefined;
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const end of ends) await end();
  });
  return () => (gate ??= startHostileGate(env, { atEnd: (end) => void ends.push(end) }));
}

/** The most memory that the gate has while `work` runs, above what it had before. */
export async function memoryGrowth(
  gate: HostileGate,
  work: () => Promise<unknown>,
): Promise<number> {
  const before = gate.memoryBytes();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, gate.memoryBytes())), 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(most, gate.memoryBytes()) - before;
}
