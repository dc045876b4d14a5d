import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import tls from 'node:tls';

/** All that came back on a connection until it closed. */
export interface Http1Told {
  readonly received: string;
  readonly answers: number;
}

/** Behind everything else: its answer ends the connection, so that nobody waits for silence. */
const lastRequest = 'GET /last HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n\r\n';

/** In one process, which takes one new connection a turn: more than there are at once. */
const turnsUntilRead = 100;

/**
 * Writes the parts to a connection of their own, each once the one before can have been read; once
 * `requests` answers are there, a last request. Resolves when the connection is closed. With `ca` over TLS.
 */
export async function writeRaw(
  port: number,
  parts: readonly Buffer[],
  requests: number,
  ca?: Buffer,
): Promise<Http1Told> {
  const socket =
    ca === undefined
      ? net.connect(port, '127.0.0.1')
      : tls.connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['http/1.1'] });
  socket.setNoDelay(true);
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let received = '';
  let asked = false;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    if (asked || countAnswers(received) < requests) return;
    asked = true;
    socket.write(lastRequest);
  });
  const connected = ca === undefined ? 'connect' : 'secureConnect';
  await Promise.race([new Promise((resolve) => socket.once(connected, resolve)), closed]);
  for (const part of parts) {
    if (socket.destroyed) break;
    socket.write(part);
    for (let turn = 0; turn < turnsUntilRead; turn += 1) await nextTurn();
  }
  await closed;
  return { received: normalised(received), answers: countAnswers(received) };
}

/** Whole ones; the lengths are in bytes, as which Latin-1 counts. */
function countAnswers(received: string): number {
  let at = 0;
  for (let count = 0; ; count += 1) {
    const end = received.indexOf('\r\n\r\n', at);
    if (end === -1) return count;
    const head = received.slice(at, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    at = end + 4 + length;
    if (at > received.length) return count;
    // Told on the way to the answer.
    if (/^HTTP\/1\.1 1\d\d /.test(head)) count -= 1;
  }
}

/** Without what differs from one moment to the next. */
function normalised(received: string): string {
  const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/;
  return received
    .replaceAll(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/gm, 'Date: then\r')
    .replaceAll(
      new RegExp(`^x-correlation-id: ${uuid.source}\\r$`, 'gm'),
      'x-correlation-id: new\r',
    )
    .replaceAll(new RegExp(`"correlation_id":"${uuid.source}"`, 'g'), '"correlation_id":"new"');
}
