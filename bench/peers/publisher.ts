import net from 'node:net';
import { performance } from 'node:perf_hooks';

import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

import { keyPlaceholder, storedBody, writeKey } from '../payload.ts';

/**
 * Publishes the event that the gate would store, without a gate. `js` awaits js.publish() in
 * `depth` concurrent loops. `raw` writes the protocol to a socket, the fastest way for one
 * connection of Node.
 */
interface Options {
  readonly mode: 'js' | 'raw';
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly depth: number;
  readonly seconds: number;
}

const options = JSON.parse(process.argv[2]!) as Options;
const run = (Math.random() * 0xffff_ffff) >>> 0;
const subject = 'headgate.events.0.default.order_completed';
let sent = 0;
let acked = 0;
let failed = 0;

function nextId(): string {
  const bytes = Buffer.from(keyPlaceholder);
  writeKey(bytes, 0, run, (sent += 1));
  return `default:${bytes.toString('latin1')}`;
}

async function publishByClient(until: number): Promise<void> {
  const connection = await connect({
    port: options.port,
    user: options.user,
    pass: options.password,
  });
  const client = jetstream(connection);
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      try {
        await client.publish(subject, storedBody, { msgID: nextId() });
        acked += 1;
      } catch {
        failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: options.depth }, lane));
  await connection.close();
}

async function publishRaw(until: number): Promise<void> {
  const socket = net.connect(options.port, '127.0.0.1');
  socket.setNoDelay(true);
  const login = { verbose: false, pedantic: false, headers: true, no_responders: true };
  const credentials = { user: options.user, pass: options.password };
  await new Promise<void>((resolve) => socket.once('data', () => resolve()));
  socket.write(`CONNECT ${JSON.stringify({ ...login, ...credentials })}\r\nSUB r 1\r\n`);

  const idPlaceholder = `default:${keyPlaceholder}`;
  // The headers that the gate sets on an event.
  const headers =
    `NATS/1.0\r\nNats-Msg-Id: ${idPlaceholder}\r\n` +
    `Headgate-Correlation-Id: ${keyPlaceholder}\r\nHeadgate-Door: grpc\r\n\r\n`;
  const total = headers.length + storedBody.length;
  const message = Buffer.concat([
    Buffer.from(`HPUB ${subject} r ${headers.length} ${total}\r\n${headers}`),
    storedBody,
    Buffer.from('\r\n'),
  ]);
  const keyAt = message.indexOf(keyPlaceholder);
  const send = (count: number): void => {
    const block = Buffer.allocUnsafe(message.length * count);
    for (let index = 0; index < count; index += 1) {
      message.copy(block, message.length * index);
      writeKey(block, message.length * index + keyAt, run, (sent += 1));
    }
    socket.write(block);
  };
  await new Promise<void>((resolve) => {
    let rest = '';
    socket.on('data', (chunk) => {
      const text = rest + chunk.toString('latin1');
      // Each acknowledgement is "MSG r 1 <size>\r\n{...}\r\n", with the server's PINGs between.
      let count = 0;
      let at = 0;
      for (;;) {
        const end = text.indexOf('}\r\n', at);
        if (end === -1) break;
        if (text.slice(at, end).includes('"error"')) failed += 1;
        else acked += 1;
        count += 1;
        at = end + 3;
      }
      if (text.includes('PING\r\n', at)) socket.write('PONG\r\n');
      rest = text.slice(at).replace('PING\r\n', '');
      if (performance.now() > until) resolve();
      else if (count > 0) send(count);
    });
    send(options.depth);
  });
  socket.destroy();
}

const began = performance.now();
const until = began + options.seconds * 1000;
await (options.mode === 'js' ? publishByClient(until) : publishRaw(until));
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ events: acked, failed, seconds, perSecond: acked / seconds }));
process.exit(0);
