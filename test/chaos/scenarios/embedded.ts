import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Program } from '../program.ts';
import { waitFor } from '../wait.ts';
import { clockFile, faketimeLibrary, type World } from '../world.ts';
import { afterHeal, throughout, type Scenario } from './scenario.ts';

/** More than the small log can hold: 96 MiB for all streams. It is acknowledged if intake goes on. */
const overfullBytes = 100 * 1024 * 1024;
/**
 * Stored, 17 MiB: more than the log of events can hold there (14 MiB), and less than it and ASIDE
 * (38 MiB) hold together, because none of it is delivered. The destination is tried again after about
 * the time for which it was away, so that twice as much arrives until then.
 */
const overfullAwayBytes = 14 * 1024 * 1024;
const overfullTimeoutMs = 60_000;
const largeBytes = 6_000;

/** Until more was acknowledged than the log can hold, or the log takes no more. */
async function overfill(world: World, bytes: number): Promise<void> {
  const begun = world.ledger.acknowledged.size;
  const count = bytes / largeBytes;
  await waitFor(() => world.ledger.acknowledged.size - begun >= count, overfullTimeoutMs);
}

function fillDisk(file: string): void {
  for (const bytes of [1024 * 1024, 4096, 1]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

/** In a block before the last one: only what was synced long ago is damaged. */
function flipBit(gate: Program): void {
  const folder = path.join(gate.dataDir, 'nats', 'jetstream', '$G', 'streams', 'EVENTS_0', 'msgs');
  const blocks = readdirSync(folder)
    .filter((name) => name.endsWith('.blk'))
    .map((name) => Number.parseInt(name, 10))
    .sort((left, right) => left - right);
  if (blocks.length < 2) throw new Error('the log has only one block: use more --seconds');
  const file = path.join(folder, `${blocks.at(-2)}.blk`);
  const bytes = readFileSync(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 4;
  writeFileSync(file, bytes);
}

export const embeddedScenarios: readonly Scenario[] = [
  {
    name: 'kill-embedded',
    world: 'embedded',
    bars: afterHeal,
    strike: async ({ gate, chance }, holdMs) => {
      const victim = chance.shuffle(['gate', 'nats-server', 'both'])[0]!;
      console.log(`    kill -9 of ${victim}`);
      const servers = gate.servers();
      if (victim !== 'nats-server') await gate.kill('SIGKILL');
      if (victim !== 'gate') for (const processId of servers) process.kill(processId, 'SIGKILL');
      await sleep(victim === 'nats-server' ? 0 : holdMs);
      return async () => {
        if (victim !== 'nats-server') gate.start();
      };
    },
  },
  {
    name: 'flipped-bit',
    world: 'embedded',
    bars: afterHeal,
    mustReportMissing: true,
    fillerBytes: 20_000,
    strike: async ({ gate }, holdMs) => {
      // Until there are several blocks, and a mark of them.
      await sleep(holdMs + 6_000);
      const servers = gate.servers();
      await gate.kill('SIGKILL');
      for (const processId of servers) process.kill(processId, 'SIGKILL');
      flipBit(gate);
      return async () => gate.start();
    },
  },
  {
    name: 'full-disk',
    world: 'embedded-small-disk',
    bars: afterHeal,
    strike: async ({ gate }, holdMs) => {
      const filler = path.join(gate.dataDir, '..', 'filler');
      fillDisk(filler);
      // The probe must see it, too.
      await sleep(holdMs + 6_000);
      return async () => rmSync(filler);
    },
  },
  {
    name: 'clock-step',
    world: 'embedded-faked-clock',
    bars: afterHeal,
    whyNot: () =>
      existsSync(faketimeLibrary) ? undefined : `there is no libfaketime (${faketimeLibrary})`,
    strike: async ({ folder, chance, receiver }, holdMs) => {
      const days = chance.shuffle(['+1d', '-1d'])[0]!;
      // Deliveries fail meanwhile, so that retries are due at a time of the other clock.
      receiver.status = 503;
      await sleep(holdMs / 2);
      console.log(`    the clock steps by ${days} and back`);
      writeFileSync(clockFile(folder), days);
      await sleep(holdMs + 1_000);
      return async () => {
        writeFileSync(clockFile(folder), '+0');
        receiver.status = 204;
      };
    },
  },
  {
    name: 'full-log',
    world: 'embedded-small-log',
    bars: throughout,
    logMayDelete: true,
    fillerBytes: largeBytes,
    strike: async (world) => {
      await overfill(world, overfullBytes);
      return async () => {};
    },
  },
  {
    name: 'parked-at-full-log',
    world: 'embedded-small-log-aside',
    bars: { acknowledgement: 'fault', delivery: 'never' },
    logMayDelete: true,
    fillerBytes: largeBytes,
    strike: async (world) => {
      world.receiver.status = 503;
      await overfill(world, overfullAwayBytes);
      return async () => {
        world.receiver.status = 204;
      };
    },
  },
];
