import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { startChild } from './child-process.ts';
import { preferAttacker } from './priorities.ts';

/** An attack runs until its signal aborts. It returns how many requests were answered. */
export type Attack = (port: number, signal: AbortSignal) => Promise<number>;

const mib = 1024 * 1024;

/** H1: 4 KiB that inflate to 4 MiB of spaces. */
const spaces = (): Buffer => Buffer.alloc(4 * mib, ' ');
/** H2: 4 KiB that inflate to numbers, each of which a decoder would look at twice. */
const numbers = (): Buffer => Buffer.from(`{"batch":[${'1e1,'.repeat(mib)}1]}`.slice(0, 4 * mib));

const keylessPaths = [
  '/batch/',
  '/capture/',
  '/i/v1/analytics/events',
  '/v1/segment/batch',
  '/v1/segment/track',
  '/track',
  '/import',
];

/** Bodies without a key, on `connections` connections of HTTP/2 with `streams` requests open on each. */
export function flood(
  body: Buffer,
  encoding: string,
  connections: number,
  streams: number,
  paths: readonly string[] = keylessPaths,
): Attack {
  return async (port, signal) => {
    let answered = 0;
    let sent = 0;
    const one = async (session: http2.ClientHttp2Session): Promise<void> => {
      while (!signal.aborted && !session.destroyed) {
        const path = paths[sent++ % paths.length]!;
        const headers = { ':path': path, ':method': 'POST', 'content-type': 'application/json' };
        await new Promise<void>((resolve) => {
          const stream = session.request({ ...headers, 'content-encoding': encoding });
          stream.on('response', () => (answered += 1));
          stream.on('error', () => {});
          stream.on('close', resolve);
          stream.resume();
          stream.end(body);
          signal.addEventListener('abort', () => stream.destroy(), { once: true });
        });
      }
    };
    const sessions = Array.from({ length: connections }, () => {
      const session = http2.connect(`http://127.0.0.1:${port}`);
      session.on('error', () => {});
      return session;
    });
    await Promise.all(
      sessions.flatMap((session) => Array.from({ length: streams }, () => one(session))),
    );
    for (const session of sessions) session.destroy();
    return answered;
  };
}

/** H3: uploads that never end, `streams` on each of `connections`, with as much as their windows take. */
export function unfinished(connections: number, streams: number, bytes: number): Attack {
  return async (port, signal) => {
    let answered = 0;
    const part = Buffer.alloc(64 * 1024, ' ');
    const sessions = Array.from({ length: connections }, () => {
      const session = http2.connect(`http://127.0.0.1:${port}`);
      session.on('error', () => {});
      const open = (): void => {
        if (signal.aborted || session.destroyed) return;
        const stream = session.request({
          ':path': keylessPaths[0]!,
          ':method': 'POST',
          'content-type': 'application/json',
        });
        stream.on('response', () => (answered += 1));
        stream.on('error', () => {});
        stream.on('close', () => setTimeout(open, 5));
        stream.resume();
        for (let left = bytes; left > 0; left -= part.length) stream.write(part.subarray(0, left));
      };
      for (let each = 0; each < streams; each += 1) open();
      return session;
    });
    await sleepUntil(signal);
    for (const session of sessions) session.destroy();
    return answered;
  };
}

/** The same over HTTP/1.1, one upload a connection. */
export function unfinishedHttp1(connections: number, bytes: number): Attack {
  return async (port, signal) => {
    const head =
      'POST /batch/ HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
      `content-length: ${bytes + 1}\r\n\r\n`;
    let answered = 0;
    const sockets = new Set<net.Socket>();
    const open = (): void => {
      if (signal.aborted) return;
      const socket = net.connect(port, '127.0.0.1');
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', () => (answered += 1));
      socket.on('close', () => {
        sockets.delete(socket);
        setTimeout(open, 20);
      });
      socket.write(head);
      socket.write(Buffer.alloc(bytes, ' '));
    };
    for (let each = 0; each < connections; each += 1) open();
    await sleepUntil(signal);
    for (const socket of sockets) socket.destroy();
    return answered;
  };
}

export function together(...attacks: readonly Attack[]): Attack {
  return async (port, signal) => {
    const counts = await Promise.all(attacks.map((attack) => attack(port, signal)));
    return counts.reduce((sum, count) => sum + count, 0);
  };
}

async function sleepUntil(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await sleep(50);
}

/** Prepares an attack: what its requests have as their bodies takes long to compress. */
type MakeAttack = () => Attack;

/** By name: anonymous load of every kind, and all kinds at once. */
export const attacks: Readonly<Record<string, MakeAttack>> = {
  'H1: gzip that becomes spaces': () => flood(gzipSync(spaces()), 'gzip', 2, 100),
  'H2: gzip that becomes numbers': () => flood(gzipSync(numbers()), 'gzip', 2, 50),
  brotli: () => flood(brotliCompressSync(spaces()), 'br', 2, 50),
  zstd: () => flood(zstdCompressSync(spaces()), 'zstd', 2, 50),
  'H3: unfinished uploads of 4 MiB': () => unfinished(1, 32, 4 * mib),
  'H3: unfinished uploads of 60 KiB': () => unfinished(4, 200, 60 * 1024),
  'H3: unfinished uploads, one a connection': () => unfinishedHttp1(200, 200 * 1024),
  'all together': () =>
    together(
      flood(gzipSync(spaces()), 'gzip', 2, 50),
      flood(gzipSync(numbers()), 'gzip', 2, 50),
      flood(zstdCompressSync(spaces()), 'zstd', 1, 20),
      unfinished(2, 32, 2 * mib),
      unfinishedHttp1(100, 200 * 1024),
    ),
};

/** By name: measured in tests of their own. */
export const otherAttacks: Readonly<Record<string, MakeAttack>> = {
  'thousands of unfinished uploads': () => unfinished(8, 1000, 1),
};

/** A process of its own that attacks. What it prepares is no load any more once it is here. */
export interface Attacker extends AsyncDisposable {
  /** Attacks for so long. Returns how many requests were answered. */
  attack(ms: number): Promise<number>;
}

export async function startAttacker(port: number, name: string): Promise<Attacker> {
  const child = await startChild('./attack-process.ts', name, String(port));
  preferAttacker(child.processId);
  return {
    attack: (ms) => child.ask<number>(ms),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Attacks once. Returns how many requests were answered. */
export async function attackFor(ms: number, port: number, name: string): Promise<number> {
  await using attacker = await startAttacker(port, name);
  // Awaited here: the process ends when this function returns.
  const answered = await attacker.attack(ms);
  return answered;
}
