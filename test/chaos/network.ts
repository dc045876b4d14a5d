import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A node by its number, or where the gate, the worker and the suite are. */
export type Place = number | 'clients';

/** Every node in a network namespace of its own, on one bridge, in the namespace of the suite. */
export interface Network {
  addressOf(node: number): string;
  /** The arguments before a program that runs on a node. */
  enter(node: number): readonly string[];
  /** Packets from one place to another disappear without an answer. */
  drop(from: Place, to: number | 'clients'): void;
  dropBoth(one: Place, other: Place): void;
  /** Packets of all nodes are lost. The way it is done; it ends with `heal`. */
  lose(percent: number): string;
  heal(): Promise<void>;
}

const bridge = 'hgchaos';
const clientsAddress = '10.77.0.254';
/** No interface has it: frames for it are dropped by everybody. */
const nobody = '02:00:00:00:de:ad';
const burstMs = 40;

const addressOf = (place: Place): string =>
  place === 'clients' ? clientsAddress : `10.77.0.${place + 1}`;

const ip = (...args: readonly string[]): void => {
  execFileSync('ip', args, { stdio: 'pipe' });
};

/** Needs root in a network and mount namespace of its own: it changes /run/netns and `lo`. */
export function openNetwork(nodeCount: number): Network {
  execFileSync('mkdir', ['-p', '/run/netns']);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run/netns']);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('address', 'add', `${clientsAddress}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  const nodes = Array.from({ length: nodeCount }, (_, node) => node);
  for (const node of nodes) {
    ip('netns', 'add', `n${node}`);
    ip('link', 'add', `v${node}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `n${node}`);
    ip('link', 'set', `v${node}`, 'master', bridge, 'up');
    ip('-n', `n${node}`, 'address', 'add', `${addressOf(node)}/24`, 'dev', 'eth0');
    ip('-n', `n${node}`, 'link', 'set', 'lo', 'up');
    ip('-n', `n${node}`, 'link', 'set', 'eth0', 'up');
  }
  const undo: (() => void)[] = [];
  let losing: Promise<void> | undefined;
  let isLosing = false;

  /** A permanent neighbour with the wrong hardware address: one direction, silent, needs no firewall. */
  const drop = (from: Place, to: Place): void => {
    const at = from === 'clients' ? ['dev', bridge] : ['dev', 'eth0'];
    const inside = from === 'clients' ? [] : ['-n', `n${from}`];
    const entry = [addressOf(to), ...at];
    ip(...inside, 'neigh', 'replace', ...entry, 'lladdr', nobody, 'nud', 'permanent');
    undo.push(() => ip(...inside, 'neigh', 'del', ...entry));
  };
  const dropBoth = (one: Place, other: Place): void => {
    drop(one, other);
    drop(other, one);
  };
  const undoAll = (): void => {
    for (const each of undo.splice(0)) each();
  };

  /** What a node sends to everybody, with one program: bursts are short. */
  const changeAll = (node: number, verb: 'replace' | 'del', rest: string): void => {
    const places: Place[] = ['clients', ...nodes.filter((other) => other !== node)];
    const input = places.map((to) => `neigh ${verb} ${addressOf(to)} dev eth0 ${rest}\n`).join('');
    execFileSync('ip', ['-n', `n${node}`, '-batch', '-'], { input, stdio: 'pipe' });
  };
  const loseInBursts = async (percent: number): Promise<void> => {
    isLosing = true;
    while (isLosing) {
      for (const node of nodes) changeAll(node, 'replace', `lladdr ${nobody} nud permanent`);
      await sleep(burstMs);
      for (const node of nodes) changeAll(node, 'del', '');
      await sleep((burstMs * (100 - percent)) / percent);
    }
  };

  const loseByNetem = (percent: number): boolean => {
    try {
      for (const node of nodes) {
        const qdisc = ['qdisc', 'add', 'dev', `v${node}`, 'root', 'netem', 'loss', `${percent}%`];
        execFileSync('tc', qdisc, { stdio: 'pipe' });
        undo.push(() => void execFileSync('tc', ['qdisc', 'del', 'dev', `v${node}`, 'root']));
      }
      return true;
    } catch {
      undoAll();
      return false;
    }
  };

  return {
    addressOf,
    enter: (node) => ['nsenter', `--net=/run/netns/n${node}`],
    drop,
    dropBoth,
    lose: (percent) => {
      if (loseByNetem(percent)) return 'by tc netem';
      losing = loseInBursts(percent);
      return `in bursts of ${burstMs} ms: this kernel has no netem`;
    },
    heal: async () => {
      isLosing = false;
      await losing;
      losing = undefined;
      undoAll();
    },
  };
}
