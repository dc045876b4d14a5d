import net from 'node:net';

import { frameFlag, frameType } from '../src/http/http2/frames.ts';
import { frame, headerBlock, openUpload, preface } from './http2-client.ts';
import * as payload from './payload.ts';

/**
 * Sends one kind of request as fast as the server answers, or at a fixed rate, and prints the
 * results as JSON. It runs in its own process on its own core, with raw sockets and prepared bytes.
 * So it uses a fraction of the CPU that it measures; the run against the bare server shows its
 * limit.
 */
interface Options {
  readonly kind: 'rest' | 'connect-json' | 'grpc' | 'grpc-batch' | 'rest-batch';
  readonly port: number;
  readonly path: string;
  /** Requests in flight at once. */
  readonly concurrency: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly batch: number;
  /** Requests per second; 0 means as fast as the server answers. */
  readonly rate: number;
  /** Sent with requests over HTTP/1.1 and with batches; left out at a gate that asks for no key. */
  readonly writeKey?: string;
}

/** How long the answers to the last requests are awaited. */
const drainMsMax = 5_000;

const options = JSON.parse(process.argv[2]!) as Options;
const run = (Math.random() * 0xffff_ffff) >>> 0;
let nextKey = 1;

const state = { longestMs: 0, answered: 0, done: 0, failed: 0, measuring: false, stopped: false };
const latencies: number[] = [];

function finished(startedAt: number, ok: boolean): void {
  if (ok) state.answered += 1;
  if (options.rate > 0) {
    state.longestMs = Math.max(state.longestMs, performance.now() - startedAt);
  }
  if (!state.measuring) return;
  state.done += 1;
  if (!ok) state.failed += 1;
  if (options.rate > 0 || state.done % 16 === 0) latencies.push(performance.now() - startedAt);
}

/** A slot sends its next request when the last one is answered, or at a tick of the fixed rate. */
type Slot = { send: (startedAt: number) => void; busy: boolean };
const slots: Slot[] = [];
/** Start times of requests that are due and wait for a free slot. */
const due: number[] = [];

function answered(slot: Slot, startedAt: number, ok: boolean): void {
  finished(startedAt, ok);
  slot.busy = false;
  if (state.stopped) return;
  if (options.rate === 0) start(slot, performance.now());
  else if (due.length > 0) start(slot, due.shift()!);
}

function start(slot: Slot, startedAt: number): void {
  slot.busy = true;
  slot.send(startedAt);
}

/** Open loop: a late answer does not delay the next request (avoids coordinated omission). */
function tickAtRate(): void {
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    if (state.stopped) {
      clearInterval(timer);
      return;
    }
    const target = Math.floor(((performance.now() - began) / 1000) * options.rate);
    while (sent < target) {
      sent += 1;
      const at = performance.now();
      const free = slots.find((slot) => !slot.busy);
      if (free === undefined) due.push(at);
      else start(free, at);
    }
  }, 1);
}

function http1Slot(body: Buffer, contentType: string): Promise<Slot> {
  const head = Buffer.from(
    `POST ${options.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${contentType}\r\n` +
      `content-length: ${body.length}\r\n` +
      (options.writeKey === undefined ? '' : `x-write-key: ${options.writeKey}\r\n`) +
      '\r\n',
  );
  const request = Buffer.concat([head, body]);
  const offsets = payload.keyOffsets(request);
  return new Promise((resolve, reject) => {
    const socket = net.connect(options.port, '127.0.0.1');
    socket.setNoDelay(true);
    let startedAt = 0;
    let pending: Buffer | undefined;
    const slot: Slot = {
      busy: false,
      send: (at) => {
        startedAt = at;
        for (const offset of offsets) payload.writeKey(request, offset, run, nextKey++);
        // Only after the answer are the bytes overwritten for the next request.
        socket.write(request);
      },
    };
    socket.on('data', (chunk) => {
      const data = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
      const end = data.indexOf('\r\n\r\n');
      const length = end === -1 ? -1 : contentLength(data, end);
      if (length === -1 || data.length < end + 4 + length) {
        pending = data;
        return;
      }
      pending = undefined;
      answered(slot, startedAt, data[9] === 0x32);
    });
    socket.on('connect', () => resolve(slot));
    socket.on('error', reject);
  });
}

function contentLength(data: Buffer, end: number): number {
  const head = data.toString('latin1', 0, end).toLowerCase();
  const at = head.indexOf('content-length: ');
  return at === -1 ? 0 : Number.parseInt(head.slice(at + 16), 10);
}

/** Opens a connection with `streams` slots. Bodies are small, so the windows never run out. */
function http2Slots(body: Buffer, streams: number): Promise<Slot[]> {
  const request = Buffer.concat([
    frame(frameType.headers, 4, 1, headerBlock(options.path, 'application/grpc')),
    frame(frameType.data, frameFlag.endStream, 1, body),
  ]);
  const dataAt = request.length - body.length - 9;
  return new Promise((resolve, reject) => {
    const socket = net.connect(options.port, '127.0.0.1');
    socket.setNoDelay(true);
    const open = new Map<number, { slot: Slot; startedAt: number; hasData: boolean }>();
    let nextStream = 1;
    let outgoing: Buffer[] = [];
    const flush = (): void => {
      socket.write(outgoing.length === 1 ? outgoing[0]! : Buffer.concat(outgoing));
      outgoing = [];
    };
    const opened = Array.from({ length: streams }, () => {
      const bytes = Buffer.from(request);
      const offsets = payload.keyOffsets(bytes);
      const slot: Slot = {
        busy: false,
        send: (startedAt) => {
          const stream = nextStream;
          nextStream += 2;
          bytes.writeUInt32BE(stream, 5);
          bytes.writeUInt32BE(stream, dataAt + 5);
          for (const offset of offsets) payload.writeKey(bytes, offset, run, nextKey++);
          open.set(stream, { slot, startedAt, hasData: false });
          if (outgoing.push(bytes) === 1) setImmediate(flush);
        },
      };
      return slot;
    });
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      const data = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      let at = 0;
      while (data.length - at >= 9) {
        const length = data.readUIntBE(at, 3);
        if (data.length - at < 9 + length) break;
        const type = data[at + 3]!;
        const flags = data[at + 4]!;
        const stream = data.readUInt32BE(at + 5) & 0x7fff_ffff;
        const entry = open.get(stream);
        if (type === frameType.settings && (flags & 1) === 0) {
          socket.write(frame(frameType.settings, 1, 0, Buffer.alloc(0)));
        } else if (type === frameType.ping && (flags & 1) === 0) {
          socket.write(frame(frameType.ping, 1, 0, data.subarray(at + 9, at + 17)));
        } else if (type === frameType.goAway) {
          reject(new Error('the server closed the connection'));
        } else if (entry !== undefined) {
          if (type === frameType.data) entry.hasData = true;
          if ((flags & frameFlag.endStream) !== 0 || type === 3) {
            open.delete(stream);
            answered(entry.slot, entry.startedAt, entry.hasData);
          }
        }
        at += 9 + length;
      }
      pending = data.subarray(at);
    });
    socket.on('error', reject);
    socket.on('connect', () => {
      socket.write(preface);
      resolve(opened);
    });
  });
}

/** For large bodies: one connection per slot, which sends as the server's windows allow. */
async function batchSlot(body: Buffer, contentType: string): Promise<Slot> {
  const offsets = payload.keyOffsets(body);
  const { port, path, writeKey } = options;
  let sentAt = 0;
  const upload = await openUpload({ port, path, contentType, writeKey, body }, (hasData) =>
    answered(slot, sentAt, hasData),
  );
  const slot: Slot = {
    busy: false,
    send: (startedAt) => {
      sentAt = startedAt;
      for (const offset of offsets) payload.writeKey(body, offset, run, nextKey++);
      upload.send();
    },
  };
  return slot;
}

async function openSlots(): Promise<void> {
  const { kind, concurrency } = options;
  if (kind === 'rest' || kind === 'connect-json') {
    const body = kind === 'rest' ? payload.restBody : payload.connectJsonBody;
    for (let count = 0; count < concurrency; count += 1) {
      slots.push(await http1Slot(Buffer.from(body), 'application/json'));
    }
  } else if (kind === 'grpc') {
    const streams = Math.min(16, concurrency);
    for (let count = 0; count < concurrency; count += streams) {
      slots.push(...(await http2Slots(payload.grpcFrame(payload.trackProto), streams)));
    }
  } else {
    const isGrpc = kind === 'grpc-batch';
    const body = isGrpc
      ? payload.grpcFrame(payload.batchProto(options.batch, 'json'))
      : payload.batchJson(options.batch);
    for (let count = 0; count < concurrency; count += 1) {
      slots.push(
        await batchSlot(Buffer.from(body), isGrpc ? 'application/grpc' : 'application/json'),
      );
    }
  }
}

await openSlots();
if (options.rate > 0) tickAtRate();
else for (const slot of slots) start(slot, performance.now());
await new Promise((resolve) => setTimeout(resolve, options.warmSeconds * 1000));
state.measuring = true;
process.send?.('measuring');
const began = performance.now();
const cpu = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000));
const seconds = (performance.now() - began) / 1000;
const used = process.cpuUsage(cpu);
process.send?.('measured');
state.measuring = false;
state.stopped = true;
const lastAnswerBy = performance.now() + drainMsMax;
while (slots.some(({ busy }) => busy) && performance.now() < lastAnswerBy) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
latencies.sort((left, right) => left - right);
const at = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? 0;
console.log(
  JSON.stringify({
    answered: state.answered,
    requests: state.done,
    failed: state.failed,
    seconds,
    perSecond: state.done / seconds,
    generatorCores: (used.user + used.system) / 1_000_000 / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    // At a fixed rate, from the first request on.
    longestAnswerMs: state.longestMs,
  }),
);
process.exit(0);
