import { once } from 'node:events';
import net from 'node:net';

import * as payload from '../payload.ts';

/** What a source got in a window. */
export interface BenchAnswers {
  readonly answers: number;
  /** Answers that are no 2xx. */
  readonly refused: number;
  /** How long each request took, in ms, sorted. */
  readonly timesMs: readonly number[];
}

/**
 * The senders of one source: connections that stay open, and are idle between windows. The gate closes
 * a connection that is idle for some seconds; the next window then throws.
 */
export interface BenchSource {
  /** Every connection sends its next request when the last one is answered. */
  readonly sendAll: (windowMs: number) => Promise<BenchAnswers>;
  /** Sends at a rate, whether answers come or not. A request that waits for a connection ages. */
  readonly sendAt: (perSecond: number, windowMs: number) => Promise<BenchAnswers>;
  close(): void;
}

const run = (Math.random() * 0xffff_ffff) >>> 0;
let nextKey = 1;

interface Line {
  readonly socket: net.Socket;
  readonly request: Buffer;
  readonly offsets: readonly number[];
  sentAt: number;
  isBusy: boolean;
}

/** Opens the connections of a source to `POST /v1/track`. */
export async function openSource(
  port: number,
  writeKey: string,
  connections: number,
): Promise<BenchSource> {
  let onAnswer: (line: Line, isTaken: boolean) => void = () => {};
  const lines: Line[] = [];
  for (let index = 0; index < connections; index += 1) {
    const line = await openLine(port, writeKey, (isTaken) => onAnswer(line, isTaken));
    lines.push(line);
  }
  const window = async (
    windowMs: number,
    begin: (next: (line: Line) => boolean) => void,
    next: (line: Line) => boolean,
  ): Promise<BenchAnswers> => {
    const times: number[] = [];
    let refused = 0;
    const deadline = performance.now() + windowMs;
    onAnswer = (line, isTaken) => {
      line.isBusy = false;
      times.push(performance.now() - line.sentAt);
      if (!isTaken) refused += 1;
      if (performance.now() < deadline) next(line);
    };
    begin(next);
    while (performance.now() < deadline || lines.some(({ isBusy }) => isBusy)) {
      const closed = lines.filter(({ socket }) => socket.closed).length;
      if (closed > 0) throw new Error(`the gate closed ${closed} of ${lines.length} connections`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    times.sort((one, other) => one - other);
    return { answers: times.length, refused, timesMs: times };
  };
  return {
    sendAll: (windowMs) =>
      window(
        windowMs,
        (next) => lines.forEach(next),
        (line) => send(line, performance.now()),
      ),
    sendAt: (perSecond, windowMs) => {
      const due: number[] = [];
      const next = (line: Line): boolean => due.length > 0 && send(line, due.shift()!);
      return window(windowMs, () => startTicks(perSecond, windowMs, due, lines), next);
    },
    close: () => {
      for (const { socket } of lines) socket.destroy();
    },
  };
}

function startTicks(perSecond: number, windowMs: number, due: number[], lines: readonly Line[]) {
  const began = performance.now();
  let made = 0;
  let turn = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const until = Math.min(now - began, windowMs);
    for (; made < (until / 1000) * perSecond; made += 1) due.push(now);
    // In turn, so that no connection is idle for long.
    for (let tried = 0; tried < lines.length && due.length > 0; tried += 1) {
      const line = lines[(turn += 1) % lines.length]!;
      if (!line.isBusy) send(line, due.shift()!);
    }
    if (until >= windowMs) clearInterval(timer);
  }, 1);
}

function send(line: Line, at: number): boolean {
  line.sentAt = at;
  line.isBusy = true;
  for (const offset of line.offsets) payload.writeKey(line.request, offset, run, nextKey++);
  return line.socket.write(line.request);
}

async function openLine(
  port: number,
  writeKey: string,
  onAnswer: (isTaken: boolean) => void,
): Promise<Line> {
  const body = payload.restBody;
  const head =
    'POST /v1/track HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n' +
    `content-length: ${body.length}\r\nx-write-key: ${writeKey}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => {});
  await once(socket, 'connect');
  const offsets = payload.keyOffsets(request);
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const data = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const end = data.indexOf('\r\n\r\n');
    const length = /content-length: (\d+)/i.exec(data.toString('latin1', 0, end))?.[1];
    if (end === -1 || data.length < end + 4 + Number(length)) {
      pending = data;
      return;
    }
    pending = Buffer.alloc(0);
    onAnswer(data[9] === 0x32);
  });
  return { socket, request, offsets, sentAt: 0, isBusy: false };
}
