import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';

import type { CallEnd, HttpCall } from '../http-call.ts';
import { Http1Call } from '../node/http1-call.ts';
import { listen, type Listener } from '../listen.ts';
import { CompleteCall } from './complete-call.ts';

interface Open {
  readonly listener: Listener;
  /** Every call, in the order of arrival. */
  readonly calls: HttpCall[];
  /** Resolves once that many calls have arrived. */
  called(count: number): Promise<void>;
}

let open: Open | undefined;
const sockets: net.Socket[] = [];

async function openListener(
  answer: (call: HttpCall) => void,
  idleTimeoutMs = 10_000,
): Promise<Open> {
  const calls: HttpCall[] = [];
  let waiting: [count: number, resolve: () => void][] = [];
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    engine: 'own',
    handle: (call) => {
      calls.push(call);
      for (const [count, resolve] of waiting) if (calls.length >= count) resolve();
      waiting = waiting.filter(([count]) => calls.length < count);
      answer(call);
    },
    isFastPath: (url) => url === '/plain',
    setting: 'HEADGATE_LISTEN',
    idleTimeoutMs,
    requestTimeoutMs: 5_000,
    connectionsMax: 100,
  });
  const called = (count: number): Promise<void> =>
    calls.length >= count
      ? Promise.resolve()
      : new Promise((resolve) => waiting.push([count, resolve]));
  return (open = { listener, calls, called });
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await open?.listener.close(0);
});

function answerText(call: HttpCall, text = 'ok', status = 202): void {
  const headers = { 'content-length': text.length };
  const end = (): void => call.reply(status, headers, text, true);
  call.receive({ chunk: () => {}, end, cut: () => {} });
}

const plain = 'POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}';

interface Caller {
  readonly socket: net.Socket;
  readonly closed: Promise<unknown>;
  /** Resolves with everything received, once it has at least that length. */
  received(pattern: RegExp): Promise<string>;
}

function connect(): Caller {
  const socket = net.connect(open!.listener.address.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  let text = '';
  let look = (): void => {};
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    look();
  });
  const closed = once(socket, 'close');
  const received = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      look = () => {
        if (pattern.test(text)) resolve(text);
      };
      void closed.then(() => (pattern.test(text) ? resolve(text) : reject(new Error(text))));
      look();
    });
  return { socket, closed, received };
}

function send(text: string): Caller {
  const caller = connect();
  caller.socket.write(text);
  return caller;
}

describe('a connection', () => {
  test('keeps its plain requests from Node, one after the other', async () => {
    const { calls } = await openListener((call) => answerText(call, `call ${open!.calls.length}`));
    const { socket, received } = connect();
    for (let count = 1; count <= 3; count += 1) {
      socket.write(plain);
      await received(new RegExp(`call ${count}$`));
    }
    expect(calls.every((call) => call instanceof CompleteCall)).toBe(true);
    expect(calls.length).toBe(3);
  });

  test('goes to Node with the first request that is not plain, and stays there', async () => {
    const { calls } = await openListener((call) => answerText(call, `call ${open!.calls.length}`));
    const { socket, received } = connect();
    const requests = [plain, plain.replace('/plain', '/other'), plain];
    for (const [index, request] of requests.entries()) {
      socket.write(request);
      await received(new RegExp(`call ${index + 1}$`));
    }
    expect(calls.map((call) => call.constructor)).toEqual([CompleteCall, Http1Call, Http1Call]);
  });

  test('keeps what comes before the answer, for Node to answer behind it', async () => {
    const { calls, called } = await openListener((call) => {
      if (open!.calls.length > 1) answerText(call, 'second');
    });
    const { socket, received } = send(plain);
    await called(1);
    socket.write(plain.slice(0, 20));
    const other = send(plain);
    await called(2);
    // By now the bytes of the first have waited as long as those of the second.
    answerText(calls[0]!, 'first');
    socket.write(plain.slice(20));
    expect(await received(/second$/)).toMatch(/^HTTP\/1\.1 202 Accepted\r\n[^]*first[^]*second$/);
    expect(calls[2]).toBeInstanceOf(Http1Call);
    await other.received(/second$/);
  });

  test('keeps far more than it reads at once, and Node answers all of it', async () => {
    // Several times what a socket buffers before it is no longer read.
    const count = 10_000;
    const { calls, called } = await openListener((call) => {
      const number = open!.calls.length;
      if (number > 1) answerText(call, number === count + 2 ? 'last' : 'next');
    });
    const { socket, received } = send(plain);
    await called(1);
    socket.write(plain.repeat(count));
    // Another caller is served meanwhile.
    await send(plain).received(/next$/);
    expect(calls.length).toBe(2);
    answerText(calls[0]!, 'first');
    const text = await received(/last$/);
    expect(text).toMatch(/^[^]{1,300}first/);
    expect(text.match(/202 Accepted/g)!.length).toBe(count + 1);
  });

  test.each(['/plain', '/other'])(
    'has every answer, and then a word about what is malformed behind: %s',
    async (path) => {
      const { calls, called } = await openListener((call) => {
        if (open!.calls.length > 1) answerText(call, 'second');
      });
      const request = plain.replace('/plain', path);
      const { socket, received, closed } = send(request);
      await called(1);
      socket.write(`${request}nonsense\r\n\r\n`);
      // Node reads ahead, the reader does not. In both cases the answers keep their order.
      if (path === '/other') await called(2);
      answerText(calls[0]!, 'first');
      const text = await received(/whole HTTP request[^]*}$/);
      expect(text).toMatch(
        /^HTTP\/1\.1 202[^]*first[^]*202[^]*second[^]*HTTP\/1\.1 400 Bad Request/,
      );
      await closed;
    },
  );

  test('reports how a call ended', async () => {
    const ended = Promise.withResolvers<CallEnd>();
    const { called, calls } = await openListener((call) => call.whenAnswered(ended.resolve));
    const { received } = send(plain);
    await called(1);
    expect(calls[0]!.answered).toBe(false);
    answerText(calls[0]!, 'ok', 422);
    expect(calls[0]!.answered).toBe(true);
    expect(await ended.promise).toEqual({ status: 422, grpcStatus: undefined });
    await received(/ok$/);
  });

  test.each(['destroy', 'resetAndDestroy', 'end'] as const)(
    'of a caller that goes away (%s) takes no answer, and the next caller is served',
    async (leave) => {
      const { called, calls } = await openListener((call) => {
        if (open!.calls.length > 1) answerText(call);
      });
      const { socket, closed } = send(plain);
      await called(1);
      const gone = new Promise<CallEnd>((resolve) => calls[0]!.whenAnswered(resolve));
      socket[leave]();
      expect((await gone).status).toBeUndefined();
      expect(calls[0]!.answered).toBe(true);
      await closed;
      await send(plain).received(/ok$/);
    },
  );

  test('ends after the answer to a request whose body was never read', async () => {
    await openListener((call) => call.reply(401, { 'content-length': 2 }, 'no', true));
    const { received, closed } = send(plain);
    const text = await received(/no$/);
    expect(text).toMatch(/\r\nconnection: close\r\nDate: [^\r]+\r\n\r\nno$/);
    await closed;
  });

  test.each([
    ['ASCII', 'ok', true],
    ['UTF-8', 'größe', false],
    ['bytes', Buffer.from([0, 255, 10]), false],
  ] as const)('sends %s as it is', async (_what, body, isAscii) => {
    const bytes = Buffer.from(body as string);
    await openListener((call) => {
      call.receive({ chunk: () => {}, end: () => {}, cut: () => {} });
      call.reply(200, { 'content-length': bytes.length }, body as string, isAscii);
    });
    const text = await send(plain).received(new RegExp(`\\r\\n\\r\\n[^]{${bytes.length}}$`));
    expect(text).toContain('\r\nConnection: keep-alive\r\nKeep-Alive: timeout=10\r\n\r\n');
    expect(Buffer.from(text.slice(-bytes.length), 'latin1').equals(bytes)).toBe(true);
  });
});

describe('an idle connection', () => {
  const idleTimeoutMs = 200;

  /** Opened after all idle connections, and therefore closed after them. */
  const untilSwept = async (): Promise<void> => {
    const { received, closed } = send(plain);
    await received(/ok$/);
    await closed;
  };

  test('is closed after the timeout; one whose call is under way is not', async () => {
    const { called, calls } = await openListener((call) => {
      if (open!.calls.length > 1) answerText(call);
    }, idleTimeoutMs);
    const busy = send(plain);
    await called(1);
    await untilSwept();
    await untilSwept();
    answerText(calls[0]!, 'late');
    expect(await busy.received(/late$/)).toContain('202 Accepted');
    await busy.closed;
  });

  test('is one whose caller reads no answer, and no more is read from it', async () => {
    const answer = `${'a'.repeat(1_000_000)}ok`;
    const { calls } = await openListener((call) => answerText(call, answer), idleTimeoutMs);
    const socket = net.connect(open!.listener.address.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.setNoDelay(true);
    await once(socket, 'connect');
    // Each is read alone. The operating system buffers only a fraction of the bytes that were asked
    // for.
    for (let count = 0; count < 200; count += 1) {
      socket.write(plain);
      for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    }
    await untilSwept();
    const closed = once(socket, 'close');
    const answered = calls.length - 1;
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    await closed;
    expect(answered).toBeLessThan(100);
    expect(received).toBeLessThan(answered * answer.length);
    expect(calls.every((call) => call instanceof CompleteCall)).toBe(true);
  });
});

describe('a listener that closes', () => {
  test('ends idle connections at once, and busy ones with their answer, which says so', async () => {
    const { called, calls, listener } = await openListener((call) => {
      if (open!.calls.length === 1) answerText(call);
    });
    const idle = send(plain);
    await idle.received(/ok$/);
    const busy = send(plain);
    await called(2);
    const closed = listener.close(60_000);
    await idle.closed;
    answerText(calls[1]!, 'last');
    expect(await busy.received(/last$/)).toMatch(/\r\nConnection: close\r\n\r\nlast$/);
    await busy.closed;
    await closed;
  });

  test('has Node answer what was asked before the answer', async () => {
    const { called, calls, listener } = await openListener((call) => {
      if (open!.calls.length > 1) answerText(call, 'second');
    });
    const { socket, received, closed } = send(plain);
    await called(1);
    socket.write(plain);
    const other = send(plain);
    await called(2);
    await other.received(/second$/);
    const listenerClosed = listener.close(60_000);
    answerText(calls[0]!, 'first');
    expect(await received(/second$/)).toMatch(/first[^]*second$/);
    await closed;
    await listenerClosed;
  });

  test('cuts off what is not answered in time', async () => {
    const { called, listener } = await openListener(() => {});
    const { closed } = send(plain);
    await called(1);
    await listener.close(50);
    await expect(closed).resolves.toBeDefined();
  });
});
