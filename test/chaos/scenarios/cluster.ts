import { setTimeout as sleep } from 'node:timers/promises';

import type { Chance } from '../../crash/kill-plan.ts';
import type { Network } from '../network.ts';
import type { ChaosNode, Nodes } from '../nodes.ts';
import type { World } from '../world.ts';
import { afterHeal, throughout, type Heal, type Scenario } from './scenario.ts';

const lossPercent = 20;

function clusterOf(world: World): { readonly network: Network; readonly nodes: Nodes } {
  if (world.cluster === undefined) throw new Error('this world has no cluster');
  return world.cluster;
}

const pick = (chance: Chance): number => chance.shuffle([0, 1, 2])[0]!;

/** A partition, which `network.heal` ends. */
function partition(name: string, cut: (network: Network, chance: Chance) => string): Scenario {
  return {
    name,
    world: 'cluster',
    bars: afterHeal,
    strike: async (world, holdMs) => {
      const { network } = clusterOf(world);
      console.log(`    ${cut(network, world.chance)}`);
      await sleep(holdMs);
      return () => network.heal();
    },
  };
}

function others(node: number): number[] {
  return [0, 1, 2].filter((other) => other !== node);
}

const partitions: readonly Scenario[] = [
  partition('partition-full', (network, chance) => {
    const node = pick(chance);
    const fromClients = chance.between(0, 1) < 0.5;
    for (const other of others(node)) network.dropBoth(node, other);
    if (fromClients) network.dropBoth(node, 'clients');
    return `node ${node} is cut off from the others${fromClients ? ' and from clients' : ''}`;
  }),
  partition('partition-one-way', (network, chance) => {
    const node = pick(chance);
    const isDeaf = chance.between(0, 1) < 0.5;
    for (const other of others(node)) {
      if (isDeaf) network.drop(other, node);
      else network.drop(node, other);
    }
    return `node ${node} ${isDeaf ? 'hears' : 'reaches'} no other node`;
  }),
  partition('partition-bridge', (network, chance) => {
    const [one, other, between] = chance.shuffle([0, 1, 2]);
    network.dropBoth(one!, other!);
    return `nodes ${one} and ${other} see only node ${between}`;
  }),
  partition(
    'packet-loss',
    (network) => `${lossPercent} % of all packets are lost, ${network.lose(lossPercent)}`,
  ),
];

/** Kills a node and starts it again. */
async function killNode(node: ChaosNode, holdMs: number): Promise<Heal> {
  await node.kill('SIGKILL');
  await sleep(holdMs);
  return async () => node.start();
}

const nodeFaults: readonly Scenario[] = [
  {
    name: 'kill-node',
    world: 'cluster',
    bars: throughout,
    strike: async (world, holdMs) => {
      const { nodes } = clusterOf(world);
      const leader = await nodes.leader();
      const node = world.chance.between(0, 1) < 0.5 ? (leader ?? 0) : pick(world.chance);
      console.log(`    kill -9 of node ${node}${node === leader ? ', the leader' : ''}`);
      return killNode(nodes.all[node]!, holdMs);
    },
  },
  {
    name: 'silent-node',
    world: 'cluster',
    bars: throughout,
    strike: async (world, holdMs) => {
      const { nodes } = clusterOf(world);
      const leader = await nodes.leader();
      const index = world.chance.between(0, 1) < 0.5 ? (leader ?? 0) : pick(world.chance);
      const node = nodes.all[index]!;
      console.log(`    SIGSTOP of node ${index}${index === leader ? ', the leader' : ''}`);
      await node.freeze();
      // Longer than the bars: a short silence is only a delay.
      await sleep(holdMs + 12_000);
      return async () => node.thaw();
    },
  },
  {
    name: 'wiped-node',
    world: 'cluster',
    bars: throughout,
    strike: async (world, holdMs) => {
      const index = pick(world.chance);
      const node = clusterOf(world).nodes.all[index]!;
      console.log(`    node ${index} loses its store`);
      await node.kill('SIGKILL');
      node.wipe();
      await sleep(holdMs);
      return async () => node.start();
    },
  },
  {
    name: 'rolling-restart',
    world: 'cluster',
    bars: throughout,
    strike: async (world) => {
      const { nodes } = clusterOf(world);
      for (const node of nodes.all) {
        await node.kill('SIGTERM');
        node.start();
        await nodes.waitUntilFormed();
      }
      return async () => {};
    },
  },
];

const programFaults: readonly Scenario[] = (['gate', 'worker'] as const).map((victim) => ({
  name: `kill-${victim}`,
  world: 'cluster',
  bars: afterHeal,
  strike: async (world, holdMs) => {
    await world[victim].kill('SIGKILL');
    await sleep(holdMs);
    return async () => world[victim].start();
  },
}));

export const clusterScenarios: readonly Scenario[] = [
  ...partitions,
  ...nodeFaults,
  ...programFaults,
];
