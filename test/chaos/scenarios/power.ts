import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { freeze } from '../../frozen-process.ts';
import type { ChaosNode } from '../nodes.ts';
import type { World } from '../world.ts';
import { afterHeal, type Scenario } from './scenario.ts';

const whyNoDisks = (): string | undefined =>
  existsSync('/dev/loop-control') ? undefined : 'there are no loop devices';

/** All at the same moment. They have their stores of that moment afterwards, and do not run. */
async function cutPowerOf(nodes: readonly ChaosNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.freeze()));
  await Promise.all(nodes.map((node) => node.disk!.snapshot()));
  await Promise.all(nodes.map((node) => node.kill('SIGKILL')));
  for (const node of nodes) await node.disk!.restore();
}

const nodesOf = (world: World): readonly ChaosNode[] => world.cluster!.nodes.all;

export const powerScenarios: readonly Scenario[] = [
  {
    name: 'power-cut-one',
    world: 'cluster-on-disks',
    bars: afterHeal,
    whyNot: whyNoDisks,
    strike: async (world, holdMs) => {
      const node = world.chance.shuffle(nodesOf(world))[0]!;
      await cutPowerOf([node]);
      await sleep(holdMs);
      return async () => node.start();
    },
  },
  {
    // The two that elect are one that was paused while events were acknowledged, and one that lost power.
    name: 'power-cut-then-leader',
    world: 'cluster-on-disks',
    bars: afterHeal,
    whyNot: whyNoDisks,
    strike: async (world, holdMs) => {
      const leader = nodesOf(world)[(await world.cluster!.nodes.leader()) ?? 0]!;
      const followers = nodesOf(world).filter((node) => node !== leader);
      const [paused, emptied] = world.chance.shuffle(followers);
      await paused!.freeze();
      await sleep(holdMs);
      await cutPowerOf([emptied!]);
      await leader.kill('SIGKILL');
      paused!.thaw();
      emptied!.start();
      await sleep(holdMs);
      return async () => leader.start();
    },
  },
  {
    name: 'power-cut-all',
    world: 'cluster-on-disks',
    bars: afterHeal,
    whyNot: whyNoDisks,
    strike: async (world, holdMs) => {
      await cutPowerOf(nodesOf(world));
      await sleep(holdMs);
      return async () => {
        for (const node of nodesOf(world)) node.start();
      };
    },
  },
  {
    name: 'power-cut-embedded',
    world: 'embedded-on-disk',
    bars: afterHeal,
    whyNot: whyNoDisks,
    strike: async ({ gate, disk }) => {
      const servers = gate.servers();
      await freeze(gate.processId());
      for (const processId of servers) await freeze(processId);
      await disk!.snapshot();
      await gate.kill('SIGKILL');
      for (const processId of servers) process.kill(processId, 'SIGKILL');
      await disk!.restore();
      return async () => gate.start();
    },
  },
];
