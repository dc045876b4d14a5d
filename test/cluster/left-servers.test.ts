import { setTimeout as sleep } from 'node:timers/promises';

import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createMessageAnswers } from '../../src/jetstream/consume/pulling/message-answers.ts';
import { withClients } from '../../src/jetstream/clients.ts';
import { connectToServer } from '../../src/jetstream/connection.ts';
import { openPull } from '../../src/jetstream/consume/pull.ts';
import { findEventStreams } from '../../src/jetstream/events/follow-event-streams.ts';
import { createReadingPace } from '../../src/jetstream/read/reading-pace.ts';
import { createTraffic } from '../../src/jetstream/traffic.ts';
import type { Log } from '../../src/jetstream/log.ts';
import { openLog } from '../../src/jetstream/open-log.ts';
import { createPublisher } from '../../src/jetstream/publish/publisher.ts';
import { headerBlock } from '../../src/jetstream/publish/raw-publish.ts';
import { until } from '../delivery/rig.ts';
import { freeze } from '../frozen-process.ts';
import { startNatsCluster, type NatsCluster } from '../nats-cluster.ts';

/** Of three: nodes 0 and 1 form a cluster, node 2 answers clients and finds no other node. */
const cutOff = 2;

function cutOffNode(conf: string, node: number): string {
  return node === cutOff
    ? conf.replace(/routes: \[[^\]]*\]/, 'routes: [ nats-route://127.0.0.1:9 ]')
    : conf.replace(/ *nats-route:[^\n]*\n( *\])/, '$1');
}

const leftMsMax = 10_000;

describe('a server that does not serve', () => {
  let cluster: NatsCluster;

  beforeAll(async () => {
    cluster = await startNatsCluster({ edit: cutOffNode });
    for (const { monitor } of cluster.nodes) {
      const isUp = (): Promise<boolean> =>
        fetch(`${monitor}/varz`).then(
          ({ ok }) => ok,
          () => false,
        );
      await until(isUp, (up) => up);
    }
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  /** Moves a connection until it is on the node. */
  const settleOn = async (connection: NatsConnection, node: number): Promise<void> => {
    const { address } = cluster.nodes[node]!;
    await until(
      async () => {
        if (connection.getServer() !== address) await connection.reconnect();
        await sleep(300);
        return connection.getServer();
      },
      (server) => server === address,
      20_000,
    );
  };

  const open = async (onStatus: (status: string) => void = () => {}) => {
    const connection = await connectToServer({
      address: cluster.address(0, cutOff),
      name: 'test',
      onStatus,
    });
    await settleOn(connection, cutOff);
    return { connection, [Symbol.asyncDispose]: () => connection.close() };
  };

  const openTwoNodes = () =>
    openLog({
      address: cluster.address(0),
      durability: 'async',
      streamsDir: undefined,
      topology: { dedupWindowMs: 120_000, storageBytesMax: 256 * 1024 * 1024, replicas: 1 },
      publishTimeoutMs: 5_000,
      onStatus: () => {},
    });

  test('a publisher leaves a server that its cluster does not reach', async () => {
    const log = await until(
      () => openTwoNodes().catch(() => undefined),
      (opened) => opened !== undefined,
      60_000,
    );
    await log!.close();
    await using left = await open();
    const publisher = createPublisher(left.connection, { timeoutMs: 1_000 });
    const publish = publisher.openStream({ dedups: false });
    const codes: string[] = [];
    const startedAt = performance.now();
    await until(
      async () => {
        const answer = Promise.withResolvers<string>();
        publish('headgate.events.0.shop.a', headerBlock({}), '{}', (_ack, error) =>
          answer.resolve(error?.code ?? 'stored'),
        );
        codes.push(await answer.promise);
        return codes.at(-1);
      },
      (code) => code === 'stored',
      30_000,
    );
    publisher.close();
    expect(codes[0]).toBe('no_stream');
    expect(performance.now() - startedAt).toBeLessThan(leftMsMax);
  }, 120_000);

  test('a pull leaves a server that its cluster does not reach', async () => {
    await using left = await open();
    const { connection } = left;
    const other = await openTwoNodes();
    try {
      await settleOn(connection, 0);
      const manager = await jetstreamManager(connection);
      const log = withClients({} as Log, {
        connection,
        manager,
        events: await findEventStreams(manager),
        topology: undefined,
        traffic: createTraffic(),
        takenPerSecond: () => 0,
        pace: createReadingPace(() => 0),
        answers: createMessageAnswers(connection),
      });
      await manager.consumers.add('EVENTS_0', { durable_name: 'crm', ack_policy: 'explicit' });
      const seen: string[] = [];
      const troubles: string[] = [];
      const pull = await openPull({
        log,
        stream: 'EVENTS',
        consumer: 'crm',
        messagesMax: 10,
        onMessage: (message) => {
          seen.push(message.subject);
          message.ack();
        },
        onTrouble: (text) => troubles.push(text),
      });
      await settleOn(connection, cutOff);
      const movedAt = performance.now();
      await other.store('EVENTS', 'headgate.events.0.shop.late', {}, '{}');
      await until(
        () => seen,
        () => seen.includes('headgate.events.0.shop.late'),
        30_000,
      );
      expect(performance.now() - movedAt).toBeLessThan(leftMsMax);
      expect(troubles).toContain('the server does not answer: left it');
      await pull.stop();
    } finally {
      await other.close();
    }
  }, 120_000);

  test('a server that hangs is left with megabytes that it never read', async () => {
    const statuses: string[] = [];
    await using left = await open((status) => statuses.push(status));
    const silent = cluster.nodes[cutOff]!.child.pid!;
    await freeze(silent);
    try {
      const startedAt = performance.now();
      const megabyte = new Uint8Array(1024 * 1024);
      for (let count = 0; count < 64; count += 1) left.connection.publish('some.subject', megabyte);
      statuses.length = 0;
      await until(
        () => statuses,
        () => statuses.includes('reconnect'),
        30_000,
      );
      expect(performance.now() - startedAt).toBeLessThan(leftMsMax);
      expect(left.connection.getServer()).not.toBe(cluster.nodes[cutOff]!.address);
    } finally {
      process.kill(silent, 'SIGCONT');
    }
  }, 60_000);
});
