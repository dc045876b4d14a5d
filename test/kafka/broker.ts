import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';

/** One node of Apache Kafka on loopback. */
export interface Broker {
  /** Where tests read and make topics. */
  readonly address: string;
  /** Where it tells the clients of `clientPort` to go: a relay of the test listens there. */
  readonly clientPort: number;
  readonly advertisedPort: number;
  /** Asks for `saslUser` and `saslPassword`, by PLAIN. */
  readonly saslAddress: string;
  stop(): Promise<void>;
}

export const saslUser = 'gate';
export const saslPassword = 'sasl-password-0123';

const startMsMax = 60_000;

/** The classpath comes from scripts/suites/kafka.ts. */
export async function startBroker(classpath: string): Promise<Broker> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-kafka-'));
  const [direct, clientPort, controller, advertisedPort, sasl] = (await freePorts(5)) as FivePorts;
  const ports = { direct, clientPort, controller, advertisedPort, sasl };
  const config = path.join(folder, 'server.properties');
  await writeFile(config, properties(folder, ports));
  const java = ['-Xmx384m', '-cp', classpath];
  const id = Buffer.alloc(16, 7).toString('base64url');
  const format = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', config];
  const formatted = spawnSync('java', [...java, ...format], { encoding: 'utf8' });
  if (formatted.status !== 0) throw new Error(`the store was not made: ${formatted.stderr}`);
  const child = spawn('java', [...java, 'kafka.Kafka', config], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const address = `127.0.0.1:${direct}`;
  try {
    await answers(address, () => child.exitCode !== null);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, clientPort, advertisedPort, saslAddress: `127.0.0.1:${sasl}`, stop };
}

type FivePorts = [number, number, number, number, number];

interface Ports {
  readonly direct: number;
  readonly clientPort: number;
  readonly controller: number;
  readonly advertisedPort: number;
  readonly sasl: number;
}

/** Listeners: for the tests, one that is advertised under the port of a relay, and one with SASL. */
function properties(folder: string, ports: Ports): string {
  const { direct, clientPort, controller, advertisedPort, sasl } = ports;
  const at = (name: string, port: number): string => `${name}://127.0.0.1:${port}`;
  const open = [at('DIRECT', direct), at('SECURE', sasl)];
  const listeners = [...open, at('CLIENT', clientPort), at('CONTROLLER', controller)];
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: listeners.join(','),
    'advertised.listeners': [...open, at('CLIENT', advertisedPort)].join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'DIRECT',
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,DIRECT:PLAINTEXT,CLIENT:PLAINTEXT,SECURE:SASL_PLAINTEXT',
    'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.secure.plain.sasl.jaas.config': `${login} user_${saslUser}="${saslPassword}";`,
    'log.dirs': path.join(folder, 'logs'),
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function answers(address: string, hasEnded: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + startMsMax;
  for (;;) {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [address], retries: 0 });
    try {
      await admin.listTopics();
      return;
    } catch (error) {
      if (hasEnded()) throw new Error('the broker ended by itself', { cause: error });
      if (performance.now() > deadlineMs) throw error;
      await sleep(200);
    } finally {
      await admin.close();
    }
  }
}
