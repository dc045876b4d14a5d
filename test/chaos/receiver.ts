import { startHttpServer } from '../destinations/http-server.ts';

/** A webhook receiver that writes down every event that it took. */
export interface Receiver {
  readonly port: number;
  /** event_id -> key. */
  readonly taken: ReadonlyMap<string, string>;
  /** The status of every answer. Anything but 2xx takes nothing. */
  status: number;
  /** Called for every event that was not taken before. */
  onTaken: () => void;
  close(): Promise<void>;
}

/** A message of docs/destinations/webhook.md; a batch has messages in `data`. */
interface Message {
  readonly type: string;
  readonly data: readonly Message[] | { eventId: string; idempotencyKey: string };
}

export async function startReceiver(): Promise<Receiver> {
  const taken = new Map<string, string>();
  const server = await startHttpServer(({ body }, response) => {
    server.received.length = 0;
    const { status } = receiver;
    if (status < 300) take(JSON.parse(body.toString()) as Message);
    response.writeHead(status).end();
  });
  const take = ({ data }: Message): void => {
    if (isBatch(data)) {
      for (const message of data) take(message);
      return;
    }
    if (taken.has(data.eventId)) return;
    taken.set(data.eventId, data.idempotencyKey);
    receiver.onTaken();
  };
  const receiver: Receiver = {
    port: server.port,
    taken,
    status: 204,
    onTaken: () => {},
    close: () => server.close(),
  };
  return receiver;
}

function isBatch(data: Message['data']): data is readonly Message[] {
  return Array.isArray(data);
}
