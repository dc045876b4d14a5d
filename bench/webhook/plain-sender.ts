import { createHmac, createSecretKey } from 'node:crypto';

import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Pool } from 'undici';

/**
 * What the worker is compared with: signs and POSTs bodies that lie in memory, by `Pool.request` of
 * undici, with a number of requests under way. Prints a PlainSending as JSON.
 */
export interface PlainSending {
  readonly perSecond: number;
  /** CPU of this process for one event. */
  readonly us: number;
}

export interface PlainOptions {
  readonly natsUrl: string;
  readonly url: string;
  readonly secret: string;
  readonly events: number;
  /** So many of the events come before the measured ones. */
  readonly warmUpEvents: number;
  readonly concurrency: number;
}

const options = JSON.parse(process.argv[2]!) as PlainOptions;
const { natsUrl, url, secret, events, warmUpEvents, concurrency } = options;
const key = createSecretKey(Buffer.from(secret.slice('whsec_'.length), 'base64'));

const bodies = await readBodies();
const pool = new Pool(new URL(url).origin, { connections: concurrency });
await sendAll(bodies.slice(0, warmUpEvents));
const [start, startCpu] = [performance.now(), process.cpuUsage()];
await sendAll(bodies.slice(warmUpEvents));
const seconds = (performance.now() - start) / 1_000;
const { user, system } = process.cpuUsage(startCpu);
await pool.close();
const measured = events - warmUpEvents;
const result: PlainSending = { perSecond: measured / seconds, us: (user + system) / measured };
console.log(JSON.stringify(result));

interface Body {
  readonly id: string;
  readonly bytes: Buffer;
}

/** The bodies that the worker sends, made of the same stored events. */
async function readBodies(): Promise<Body[]> {
  const connection = await connect({ servers: natsUrl.replace(/\/\/.*@/, '//'), ...credentials() });
  const consumer = await jetstream(connection).consumers.get('EVENTS_0');
  const all: Body[] = [];
  for await (const message of await consumer.consume({ max_messages: 1_000 })) {
    const { eventId, eventName, timestamp } = message.json<Record<string, string>>();
    const head = `{"type":${JSON.stringify(eventName)},"timestamp":"${timestamp}","data":`;
    const bytes = Buffer.concat([Buffer.from(head), message.data, Buffer.from('}')]);
    all.push({ id: eventId!, bytes });
    if (all.length === events) break;
  }
  await connection.close();
  return all;
}

function credentials(): { user: string; pass: string } {
  const { username, password } = new URL(natsUrl);
  return { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
}

async function sendAll(all: readonly Body[]): Promise<void> {
  const path = new URL(url).pathname;
  let next = 0;
  const sender = async (): Promise<void> => {
    for (let body = all[next++]; body !== undefined; body = all[next++]) {
      const time = String(Math.floor(Date.now() / 1_000));
      const hmac = createHmac('sha256', key).update(`${body.id}.${time}.`).update(body.bytes);
      const headers = {
        'content-type': 'application/json',
        'webhook-id': body.id,
        'webhook-timestamp': time,
        'webhook-signature': `v1,${hmac.digest('base64')}`,
      };
      const answer = await pool.request({ method: 'POST', path, headers, body: body.bytes });
      await answer.body.dump();
      if (answer.statusCode !== 204) throw new Error(`answered ${answer.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sender));
}
