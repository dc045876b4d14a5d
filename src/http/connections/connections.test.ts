import { EventEmitter } from 'node:events';
import type net from 'node:net';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { connectionsOfAddressMax, createConnections, type Connections } from './connections.ts';
import { addressFramesBurst, addressFramesPerSecond } from './flooders.ts';
import type { ServedConnection } from './open-connection.ts';

/* Which connection gives up its place, at the limit and with one more. Sockets and servers are counters. */

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  bytesRead = 0;
  bytesWritten = 0;
  writableLength = 0;
  destroyed = false;
  isKnown = false;

  constructor(remoteAddress: string, remotePort: number) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

class FakeServed implements ServedConnection {
  wholeRequests = 0;
  openRequests = 0;
  awaitsAnswer = false;
  hasLeft = false;

  leave(): void {
    this.hasLeft = true;
  }
}

interface Peer {
  readonly socket: FakeSocket;
  readonly served: FakeServed;
  readonly isIn: boolean;
}

let nextPort = 1;

/** Opens a connection. `requests`: how many it has had. Undefined: it is silent. */
function open(table: Connections, address: string, requests?: number): Peer {
  const socket = new FakeSocket(address, nextPort++);
  const served = new FakeServed();
  const isIn = table.admit(socket as unknown as net.Socket);
  if (requests !== undefined) {
    served.wholeRequests = requests;
    table.serve(socket, served);
  }
  vi.advanceTimersByTime(10);
  return { socket, served, isIn };
}

/** Which of the peers are connected. */
function stays(peers: readonly Peer[]): boolean[] {
  return peers.map(({ socket }) => !socket.destroyed);
}

describe('when the listener is full', () => {
  test('the oldest silent connection of the address with most of them goes', () => {
    const table = createConnections({ connectionsMax: 8 });
    const few = [open(table, '192.0.2.1'), open(table, '192.0.2.2')];
    const many = Array.from({ length: 6 }, () => open(table, '192.0.2.3'));
    expect(stays([...few, ...many])).toEqual(Array.from({ length: 8 }, () => true));
    const next = open(table, '192.0.2.4');
    expect([next.isIn, ...stays([...few, ...many])]).toEqual(
      [true, true, true].concat([false, true, true, true, true, true]),
    );
  });

  test('silent ones go before idle ones, but not in their first second', () => {
    const table = createConnections({ connectionsMax: 4 });
    const idle = ['192.0.2.1', '192.0.2.1', '192.0.2.1'].map((each) => open(table, each, 1));
    vi.advanceTimersByTime(60_000);
    const silent = open(table, '192.0.2.2');
    vi.advanceTimersByTime(980);
    const next = open(table, '192.0.2.3', 1);
    expect(stays([...idle, silent, next])).toEqual([false, true, true, true, true]);
    vi.advanceTimersByTime(10);
    const last = open(table, '192.0.2.3', 1);
    expect(stays([...idle, silent, next, last])).toEqual([false, true, true, false, true, true]);
  });

  test('a connection that only waits to be refused goes as an idle one does', () => {
    const table = createConnections({ connectionsMax: 2 });
    const peers = [open(table, '192.0.2.1', 1), open(table, '192.0.2.2', 1)];
    for (const { served } of peers) Object.assign(served, { openRequests: 2, awaitsAnswer: true });
    Object.assign(peers[0]!.socket, { waitingForTurn: 1 });
    expect(open(table, '192.0.2.3', 1).isIn).toBe(false);
    vi.advanceTimersByTime(1_000);
    Object.assign(peers[0]!.socket, { waitingForTurn: 2 });
    expect([open(table, '192.0.2.3', 1).isIn, ...stays(peers)]).toEqual([true, false, true]);
  });

  describe('where only known callers stay', () => {
    const serve = (peer: Peer): void =>
      void Object.assign(peer.served, { openRequests: 1, awaitsAnswer: true });

    test('those whose requests take long go, the oldest first, and no newcomer pushes out another', () => {
      const table = createConnections({ connectionsMax: 4, onlyKnownStay: true });
      const peers = ['1', '2', '3', '4'].map((each) => open(table, `192.0.2.${each}`, 0));
      for (const peer of peers) serve(peer);
      peers[0]!.socket.isKnown = true;
      const fresh = open(table, '192.0.2.5');
      expect([fresh.isIn, ...stays(peers)]).toEqual([true, true, false, true, true]);
      const next = open(table, '192.0.2.6');
      expect([next.isIn, ...stays([...peers, fresh])]).toEqual(
        [true].concat([true, false, false, true, true]),
      );
    });

    test('one that is served stays when many others connect at once', () => {
      const table = createConnections({ connectionsMax: 4, onlyKnownStay: true });
      const served = open(table, '192.0.2.1', 0);
      serve(served);
      for (let each = 0; each < 8; each += 1) {
        expect(open(table, `192.0.2.${1 + (each % 3)}`).isIn).toBe(true);
      }
      expect(served.socket.destroyed).toBe(false);
    });
  });

  test('of the idle ones the one goes whose last request is oldest', () => {
    const table = createConnections({ connectionsMax: 3 });
    const peers = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((each) => open(table, each, 1));
    vi.advanceTimersByTime(2_000);
    peers[0]!.served.wholeRequests += 1;
    vi.advanceTimersByTime(2_000);
    open(table, '192.0.2.4', 1);
    expect(stays(peers)).toEqual([true, false, true]);
    expect(peers[1]!.served.hasLeft).toBe(true);
  });

  test('a request that a sweep has not seen yet counts', () => {
    const table = createConnections({ connectionsMax: 2 });
    const peers = [open(table, '192.0.2.1', 1), open(table, '192.0.2.2', 1)];
    vi.advanceTimersByTime(1_500);
    peers[0]!.served.wholeRequests += 1;
    open(table, '192.0.2.3', 1);
    expect(stays(peers)).toEqual([true, false]);
  });

  test('callers with a valid key go last, and not while they were idle for less than 5 s', () => {
    const table = createConnections({ connectionsMax: 2 });
    const producer = open(table, '192.0.2.1', 1);
    producer.socket.isKnown = true;
    vi.advanceTimersByTime(4_000);
    const anonymous = open(table, '192.0.2.2', 1);
    const next = open(table, '192.0.2.3', 1);
    expect(stays([producer, anonymous, next])).toEqual([true, false, true]);
    next.socket.isKnown = true;
    expect(open(table, '192.0.2.4').isIn).toBe(false);
    vi.advanceTimersByTime(2_000);
    expect(open(table, '192.0.2.4').isIn).toBe(true);
    expect(stays([producer, next])).toEqual([false, true]);
  });

  test('a request that waits for us or makes progress keeps its place; one that stalls does not', () => {
    const table = createConnections({ connectionsMax: 2 });
    const [awaited, sending] = [open(table, '192.0.2.1', 0), open(table, '192.0.2.2', 0)];
    awaited.served.openRequests = 1;
    awaited.served.awaitsAnswer = true;
    sending.served.openRequests = 1;
    sending.socket.isKnown = true;
    for (let second = 0; second < 10; second += 1) {
      vi.advanceTimersByTime(1_000);
      sending.socket.bytesRead += 1024;
      expect(open(table, '192.0.2.3').isIn).toBe(false);
    }
    // 1,023 bytes in 5 s are too few.
    vi.advanceTimersByTime(4_000);
    sending.socket.bytesRead += 1023;
    vi.advanceTimersByTime(900);
    expect(open(table, '192.0.2.3').isIn).toBe(false);
    vi.advanceTimersByTime(200);
    expect(open(table, '192.0.2.3').isIn).toBe(true);
    expect(stays([awaited, sending])).toEqual([true, false]);
  });

  test('an upload of a caller that is not known keeps no place, however fast it comes', () => {
    const table = createConnections({ connectionsMax: 2 });
    const uploads = [open(table, '192.0.2.1', 0), open(table, '192.0.2.2', 0)];
    for (const { socket, served } of uploads) {
      served.openRequests = 1;
      socket.bytesRead += 1_000_000;
    }
    const next = open(table, '192.0.2.3');
    expect([next.isIn, ...stays(uploads)]).toEqual([true, false, true]);
  });

  test('requests that one server read count when another reads on', () => {
    const table = createConnections({ connectionsMax: 2 });
    const peers = [open(table, '192.0.2.1', 3), open(table, '192.0.2.2')];
    vi.advanceTimersByTime(1_000);
    table.serve(peers[0]!.socket, new FakeServed());
    open(table, '192.0.2.3', 1);
    expect(stays(peers)).toEqual([true, false]);
  });

  test('thousands of newcomers go through the connections a few times, not once each', () => {
    const table = createConnections({ connectionsMax: 6400 });
    let looks = 0;
    const peers = Array.from({ length: 6400 }, (_, index) => {
      const peer = open(table, `192.0.2.${index % 100}`, 1);
      Object.defineProperty(peer.served, 'openRequests', { get: () => ((looks += 1), 0) });
      return peer;
    });
    looks = 0;
    for (let count = 0; count < 100; count += 1) {
      const socket = new FakeSocket('192.0.2.200', nextPort++);
      table.admit(socket as unknown as net.Socket);
    }
    expect(stays(peers).filter((isOpen) => !isOpen)).toHaveLength(100);
    expect(looks).toBeLessThan(6400 * 6);
  });
});

describe('an address', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 3],
    [10_000, 7500],
  ])('of %d connections has at most %d', (connectionsMax, share) => {
    expect(connectionsOfAddressMax(connectionsMax)).toBe(share);
  });

  test('gives up one of its own for one more than its share', () => {
    const limits: string[] = [];
    const limited = (limit: string, who: string): void => void limits.push(`${limit} ${who}`);
    const table = createConnections({ connectionsMax: 8, limited });
    const other = open(table, '192.0.2.1');
    const peers = Array.from({ length: 6 }, () => open(table, '192.0.2.2', 0));
    expect([stays(peers), limits]).toEqual([peers.map(() => true), []]);
    const next = open(table, '192.0.2.2', 0);
    expect(next.isIn).toBe(true);
    expect(stays([other, ...peers])).toEqual([true, false, true, true, true, true, true]);
    expect(limits).toEqual(['connections 192.0.2.2']);
    for (const { served } of [...peers, next]) {
      served.openRequests = 1;
      served.awaitsAnswer = true;
    }
    vi.advanceTimersByTime(200);
    expect(open(table, '192.0.2.2').isIn).toBe(false);
    expect(open(table, '192.0.2.3').isIn).toBe(true);
  });

  test('of IPv6 is a /64; mapped IPv4 is IPv4', () => {
    const table = createConnections({ connectionsMax: 4 });
    const peers = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::3'].map((each) =>
      open(table, each),
    );
    open(table, '2001:db8::4');
    expect(stays(peers)).toEqual([false, true, true]);
    const mapped = createConnections({ connectionsMax: 4 });
    const same = ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1'].map((each) => open(mapped, each));
    open(mapped, '::ffff:192.0.2.1');
    expect(stays(same)).toEqual([false, true, true]);
  });

  test('of a trusted proxy has no share, and gives up its connections last', () => {
    const table = createConnections({ connectionsMax: 8, trustedProxies: ['10.0.0.0/8'] });
    const proxied = Array.from({ length: 7 }, () => open(table, '10.1.2.3'));
    const direct = open(table, '192.0.2.1');
    expect(stays(proxied)).toEqual(proxied.map(() => true));
    open(table, '192.0.2.2');
    expect(stays([direct, ...proxied])).toEqual([false, ...proxied.map(() => true)]);
  });
});

describe('floods', () => {
  test('of several connections of an address count together, unless the caller is known', () => {
    const table = createConnections({ connectionsMax: 9, trustedProxies: ['192.0.2.9'] });
    const flooders = [open(table, '192.0.2.1', 0), open(table, '192.0.2.1', 0)];
    const producer = open(table, '192.0.2.1', 1);
    producer.socket.isKnown = true;
    const [other, proxy] = [open(table, '192.0.2.2', 0), open(table, '192.0.2.9', 0)];
    const spend = ({ socket }: Peer, frames: number): boolean => table.spendFrames(socket, frames);
    for (const flooder of flooders) expect(spend(flooder, addressFramesBurst / 2)).toBe(true);
    // Time passes while connections open, and none since.
    expect(flooders.map((each) => spend(each, 1))).toEqual([false, false]);
    expect([spend(producer, 1e6), spend(other, 1), spend(proxy, 1e6)]).toEqual([true, true, true]);
    vi.advanceTimersByTime(1_000);
    expect(spend(flooders[0]!, addressFramesPerSecond)).toBe(true);
    expect(spend(flooders[0]!, 1)).toBe(false);
  });

  test('halve what the next connections of their address may send, for a minute', () => {
    const limits: string[] = [];
    const limited = (limit: string, who: string): void => void limits.push(`${limit} ${who}`);
    const table = createConnections({ connectionsMax: 8, limited });
    const flooder = open(table, '192.0.2.1', 0);
    const other = open(table, '192.0.2.2', 0);
    const patience = [];
    for (let cuts = 0; cuts < 6; cuts += 1) {
      patience.push(table.patience(flooder.socket));
      table.flooded(flooder.socket);
    }
    expect(patience).toEqual([1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16]);
    expect(table.patience(other.socket)).toBe(1);
    expect(limits).toEqual(Array.from({ length: 6 }, () => 'control_frames 192.0.2.1'));
    vi.advanceTimersByTime(59_999);
    expect(table.patience(flooder.socket)).toBe(1 / 16);
    vi.advanceTimersByTime(1);
    expect(table.patience(flooder.socket)).toBe(1);
  });

  test('of a trusted proxy are not those of all its callers', () => {
    const table = createConnections({ connectionsMax: 8, trustedProxies: ['10.0.0.0/8'] });
    const proxied = open(table, '10.1.2.3', 0);
    table.flooded(proxied.socket);
    expect(table.patience(proxied.socket)).toBe(1);
  });
});

test('what has closed is forgotten', () => {
  const table = createConnections({ connectionsMax: 2 });
  for (let count = 0; count < 10; count += 1) open(table, '192.0.2.1', 1).socket.destroy();
  expect([...table.sockets]).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
