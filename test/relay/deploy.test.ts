import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { formatListenAddress, isLocal, isSocket } from '../../src/config/address.ts';
import type { Config } from '../../src/config/config.ts';
import { createProgram, loadCommands } from '../../src/cli/program.ts';
import { readRelayConfig, type RelayOptions } from '../../src/cli/relay/relay-config.ts';
import { root } from '../documentation/markdown.ts';

const makers = await loadCommands('relay');

/** How a file of deploy/relay starts the relay. */
interface Start {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The text of its headgate.yaml. */
  readonly file?: string;
}

const read = (name: string): string => readFileSync(path.join(root, 'deploy/relay', name), 'utf8');

interface Container {
  readonly name: string;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}

interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly enableServiceLinks: boolean;
        readonly containers: readonly Container[];
        readonly initContainers: readonly Container[];
      };
    };
  };
}

/** What the image sets: it listens on all addresses. */
function imageEnv(): Record<string, string> {
  const dockerfile = readFileSync(path.join(root, 'Dockerfile'), 'utf8');
  const found = Object.fromEntries(
    [
      ...dockerfile.slice(dockerfile.lastIndexOf('FROM ')).matchAll(/\b(HEADGATE_[A-Z_]+)=(\S+)/g),
    ].map(([, name, value]) => [name!, value!]),
  );
  expect(found['HEADGATE_LISTEN']).toBe('0.0.0.0:8080');
  return found;
}

function startOfManifest(name: string): Start {
  const documents = parseAllDocuments(read(name), { merge: false });
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  const manifests = documents.map((one) => one.toJS() as Manifest);
  const workload = manifests.find(({ spec }) => spec !== undefined)!;
  const { containers, initContainers, enableServiceLinks } = workload.spec.template.spec;
  expect(enableServiceLinks).toBe(false);
  const { args = [], env = [] } = [...containers, ...initContainers].find(
    (one) => one.name === 'relay',
  )!;
  const file = manifests.find(({ kind }) => kind === 'ConfigMap')?.data?.['headgate.yaml'];
  return {
    args,
    env: { ...imageEnv(), ...Object.fromEntries(env.map((one) => [one.name, one.value])) },
    ...(file !== undefined && { file }),
  };
}

function startOfUnit(): Start {
  const lines = read('headgate-relay.service').split('\n');
  const valuesOf = (key: string): string[] =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
  const pairs = valuesOf('Environment').map((text) => text.replace(/^"(.*)"$/, '$1'));
  const [command] = valuesOf('ExecStart');
  return {
    args: command!.replace('/usr/bin/env headgate ', '').split(' '),
    env: Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
  };
}

const starts: readonly (readonly [string, () => Start])[] = [
  ['headgate-relay.service', startOfUnit],
  ['sidecar.yaml', () => startOfManifest('sidecar.yaml')],
  ['daemonset.yaml', () => startOfManifest('daemonset.yaml')],
];

/** The configuration that the file leads to; the key's file is not here. */
function configOf({ args, env, file }: Start): Config {
  const command = createProgram({ env: {} }, makers).commands.find(
    (one) => one.name() === args[0],
  )!;
  command.parseOptions(args.slice(1) as string[]);
  const options: RelayOptions = { ...command.opts<RelayOptions>(), key: 'hg_x' };
  return readRelayConfig(env, options, () => {
    if (file !== undefined) return file;
    throw Object.assign(new Error('missing'), { code: 'ENOENT' });
  });
}

test.each(starts)('%s starts a relay, and holds no key', (_name, start) => {
  const found = start();
  expect(found.args[0]).toBe('relay');
  const config = configOf(found);
  expect(config.relay?.destination).toBe('gate');
  expect(config.destinations[0]!.settings['url']).toBe('https://gate.example');
  expect(config.dataDir).toMatch(/^\/(data|var\/lib\/headgate-relay)$/);
  expect(JSON.stringify(found)).not.toContain('hg_');
  // Without keys only this host may send.
  expect(config.admin.listen.host).toBe('127.0.0.1');
  expect(config.auth === 'keys' || isLocal(config.listen)).toBe(true);
  expect(config.auth === 'keys' || config.source === 'shop-fra').toBe(true);
});

test('the sidecar and its application share the folder of the socket, and the unit makes it', () => {
  const socketOf = (start: Start): string => {
    const { listen } = configOf(start);
    if (!isSocket(listen)) throw new Error(`${formatListenAddress(listen)} is no socket`);
    return listen.socketPath;
  };
  const socket = socketOf(startOfManifest('sidecar.yaml'));
  const [workload] = parseAllDocuments(read('sidecar.yaml')).map((one) => one.toJS() as Manifest);
  const { containers, initContainers } = workload!.spec.template.spec;
  const mounts = [...initContainers, ...containers].map(
    ({ volumeMounts = [] }) =>
      volumeMounts.find(({ mountPath }) => mountPath === path.dirname(socket))?.name,
  );
  expect(mounts).toEqual(['socket', 'socket']);
  expect(read('sidecar.yaml')).toContain(`value: ${socket} }`);
  // /run/NAME, by RuntimeDirectory=NAME.
  const folder = path.relative('/run', path.dirname(socketOf(startOfUnit())));
  expect(read('headgate-relay.service')).toContain(`\nRuntimeDirectory=${folder}\n`);
});
