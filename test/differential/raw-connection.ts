import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import tls from 'node:tls';

/** Everything received on a connection until it closed. */
export interface Http1Told {
  readonly received: string;
  readonly answers: number;
}

/** The last request: its answer closes the connection, so that no caller waits for a timeout. */
const lastRequest = 'GET /last HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n\r\n';

/** More than the connections open at once: the process accepts one new connection per turn. */
const turnsUntilRead = 100;

/**
 * Writes the parts to a new connection, each after the previous one can have been read. Sends a
 * last request after `requests` answers. Resolves when the connection closes. Uses TLS if `ca` is
 * given.
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

/** Counts complete answers. Lengths are in bytes, so the text is Latin-1. */
function countAnswers(received: string): number {
  let at = 0;
  for (let count = 0; ; count += 1) {
    const end = received.indexOf('\r\n\r\n', at);
    if (end === -1) return count;
    const head = received.slice(at, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    at = end + 4 + length;
    if (at > received.length) return count;
    // An informational answer, which precedes the final one.
    if (/^HTTP\/1\.1 1\d\d /.test(head)) count -= 1;
  }
}

/** Removes values that depend on the time. */
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
