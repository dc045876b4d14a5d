import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { together, type Attack } from './attacks.ts';

/*
 * Callers that use up connections and streams rather than memory or time. They come from the
 * producers' own address and from two others of this machine.
 */

const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
/** A caller that was disconnected comes back after this time. */
const comeBackMs = 100;

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
const settingsAck = Buffer.from('\0\0\0\x04\x01\0\0\0\0', 'latin1');
const ping = Buffer.from('\0\0\x08\x06\0\0\0\0\0abcdefgh', 'latin1');
/** HPACK, without Huffman: GET / with the scheme http. */
const getRoot = Buffer.from('\0\0\x03\x01\x05\0\0\0\x01\x82\x86\x84', 'latin1');
const oneRequest = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

interface Held {
  /** Sent at once. */
  readonly first: string | Buffer;
  /** Sent again and again. */
  readonly again?: { readonly bytes: Buffer; readonly everyMs: number };
}

/** Keeps `count` connections open that send this and read what comes. Returns how many were ended. */
function hold(count: number, { first, again }: Held): Attack {
  return async (port, signal) => {
    let ended = 0;
    const sockets = new Set<net.Socket>();
    const open = (index: number): void => {
      if (signal.aborted) return;
      const localAddress = addresses[index % addresses.length]!;
      const socket = net.connect({ port, host: '127.0.0.1', localAddress });
      sockets.add(socket);
      socket.on('error', () => {});
      socket.resume();
      if (first.length > 0) socket.write(first);
      const timer =
        again === undefined
          ? undefined
          : setInterval(() => socket.writable && socket.write(again.bytes), again.everyMs);
      socket.on('close', () => {
        clearInterval(timer);
        sockets.delete(socket);
        ended += 1;
        setTimeout(open, comeBackMs, index);
      });
    };
    for (let index = 0; index < count; index += 1) open(index);
    while (!signal.aborted) await sleep(50);
    for (const socket of sockets) socket.destroy();
    return ended;
  };
}

function connect(port: number, index: number): http2.ClientHttp2Session {
  const localAddress = addresses[index % addresses.length]!;
  const createConnection = (): net.Socket => net.connect({ port, host: '127.0.0.1', localAddress });
  const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection });
  session.on('error', () => {});
  return session;
}

const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
/** An empty message of gRPC. */
const emptyMessage = Buffer.alloc(5);

interface Asked {
  readonly path: string;
  readonly type?: string;
  readonly body?: Buffer;
  /** How soon each stream asks again once it has its answer. */
  readonly againMs?: number;
}

/** Asks on so many streams of each connection, again and again. What is let in and stays open, stays open. */
function ask(connections: number, streams: number, asked: Asked): Attack {
  const { path, type = 'application/json', body = Buffer.alloc(0), againMs = 0 } = asked;
  const headers = { ...grpc, 'content-type': type, ':path': path };
  return async (port, signal) => {
    let answered = 0;
    const sessions = Array.from({ length: connections }, (_, index) => {
      const session = connect(port, index);
      const open = (): void => {
        if (signal.aborted || session.destroyed) return;
        const stream = session.request(headers);
        stream.on('response', () => (answered += 1));
        stream.on('error', () => {});
        stream.on('close', () => setTimeout(open, againMs));
        stream.resume();
        stream.end(body);
      };
      for (let each = 0; each < streams; each += 1) open();
      return session;
    });
    while (!signal.aborted) await sleep(50);
    for (const session of sessions) session.destroy();
    return answered;
  };
}

/** Asks one stream after the other for the largest descriptors, as fast as they are answered. */
function reflect(connections: number): Attack {
  const symbol = 'headgate.v1.TrackService';
  const question = Buffer.from(`\0\0\0\0${String.fromCharCode(symbol.length + 2)}\x22`, 'latin1');
  const asked = Buffer.concat([question, Buffer.from([symbol.length]), Buffer.from(symbol)]);
  const body = Buffer.concat(Array.from({ length: 1000 }, () => asked));
  return async (port, signal) => {
    let bytes = 0;
    const ask = async (session: http2.ClientHttp2Session): Promise<void> => {
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
      while (!signal.aborted && !session.destroyed) {
        await new Promise<void>((resolve) => {
          const stream = session.request({ ...grpc, ':path': path });
          stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
          stream.on('error', () => {});
          stream.on('close', resolve);
          stream.end(body);
          signal.addEventListener('abort', () => stream.destroy(), { once: true });
        });
      }
    };
    const sessions = Array.from({ length: connections }, (_, index) => {
      const session = connect(port, index);
      return session;
    });
    await Promise.all(sessions.map(ask));
    for (const session of sessions) session.destroy();
    return bytes;
  };
}

/** More connections than the gate of connections.test.ts takes. */
const many = 300;
const idleHttp2 = Buffer.concat([preface, settingsAck, getRoot]);
const pings = { bytes: ping, everyMs: 200 };
const flood = { bytes: Buffer.concat(Array.from({ length: 200 }, () => ping)), everyMs: 10 };

const health = '/grpc.health.v1.Health';
const message = { type: 'application/grpc', body: emptyMessage };
const watching = { ...message, path: `${health}/Watch`, againMs: comeBackMs };
const checking = { ...message, path: `${health}/Check` };

/** Rests, and then uses at once what the rest has left it: budgets refill. */
function inPulses(attack: Attack): Attack {
  return async (port, signal) => {
    let sum = 0;
    while (!signal.aborted) {
      sum += await attack(port, AbortSignal.any([signal, AbortSignal.timeout(pulseMs)]));
      await sleep(restMs);
    }
    return sum;
  };
}
const pulseMs = 200;
const restMs = 800;

/** The key of /batch/ may be in its body. */
const halfUpload =
  'POST /batch/ HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n' +
  'content-length: 1000000\r\n\r\n{';
/** More than what counts as progress (http/connections/open-connection.ts). */
const drip = { bytes: Buffer.alloc(1_100, ' '), everyMs: 500 };
const halfSignIn =
  'POST /console/session HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n' +
  'content-type: application/json\r\ncontent-length: 9\r\n\r\n{';
const ready = 'GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n';

/** By name: requests without a token that the operators' port does not answer at once. */
export const operatorAttacks: Readonly<Record<string, Attack>> = {
  'sign-ins whose body never ends': hold(many, { first: halfSignIn }),
  'questions whether it is ready': hold(many, { first: ready }),
};

/** By name. An attack returns how many connections were ended or, for streams, answers or bytes. */
export const connectionAttacks: Readonly<Record<string, Attack>> = {
  'connections that send nothing': hold(many, { first: '' }),
  'connections that send half a request': hold(many, { first: oneRequest.slice(0, 20) }),
  'connections that are idle after a request': hold(many, { first: oneRequest }),
  'uploads that never end': hold(many, { first: halfUpload, again: drip }),
  'idle HTTP/2 connections that PING': hold(many, { first: idleHttp2, again: pings }),
  'HTTP/2 connections that only PING': hold(many, {
    first: Buffer.concat([preface, settingsAck]),
    again: pings,
  }),
  'floods of PING': hold(30, { first: Buffer.concat([preface, settingsAck]), again: flood }),
  'health watchers': ask(20, 50, watching),
  'health checks': ask(10, 20, checking),
  reflection: reflect(10),
  'requests without a key': ask(10, 100, { path: '/v1/track' }),
  'requests to no endpoint': ask(10, 100, { path: '/nothing' }),
  'requests without a key, in pulses': inPulses(ask(10, 100, { path: '/v1/track' })),
  'connections and streams together': together(
    hold(100, { first: oneRequest }),
    hold(30, { first: Buffer.concat([preface, settingsAck]), again: flood }),
    ask(5, 50, watching),
    ask(5, 20, checking),
    reflect(5),
    ask(5, 50, { path: '/v1/track' }),
  ),
};
