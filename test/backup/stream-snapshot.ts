import { createInbox, type NatsConnection } from '@nats-io/nats-core';

/** A stream as `nats stream backup` has it: its settings and state, and a tar of its files. */
export interface StreamBackup {
  readonly name: string;
  readonly config: object;
  readonly state: object;
  readonly chunks: readonly Uint8Array[];
}

const timeout = 10_000;

async function ask<Answer>(
  connection: NatsConnection,
  subject: string,
  request: object | Uint8Array = new Uint8Array(),
): Promise<Answer> {
  const payload = request instanceof Uint8Array ? request : JSON.stringify(request);
  const message = await connection.request(subject, payload, { timeout });
  if (message.data.length === 0) return {} as Answer;
  const answer = message.json<Answer & { error?: { description: string } }>();
  if (answer.error !== undefined) throw new Error(`${subject}: ${answer.error.description}`);
  return answer;
}

/**
 * Asks for a snapshot by the API of JetStream, as `nats stream backup` does, for machines without the
 * nats CLI. Undefined: no such stream.
 */
export async function snapshotStream(
  connection: NatsConnection,
  name: string,
): Promise<StreamBackup | undefined> {
  const deliver_subject = createInbox();
  const incoming = connection.subscribe(deliver_subject);
  try {
    const begun = await ask<{ config: object; state: object }>(
      connection,
      `$JS.API.STREAM.SNAPSHOT.${name}`,
      { deliver_subject, chunk_size: 65_536 },
    );
    const chunks: Uint8Array[] = [];
    for await (const message of incoming) {
      if (message.data.length === 0) break;
      chunks.push(message.data.slice());
      message.respond();
    }
    return { name, config: begun.config, state: begun.state, chunks };
  } catch (error) {
    if ((error as Error).message.endsWith('stream not found')) return undefined;
    throw error;
  } finally {
    incoming.unsubscribe();
  }
}

/** The stream must not exist. */
export async function restoreStream(
  connection: NatsConnection,
  { name, config, state, chunks }: StreamBackup,
): Promise<void> {
  const { deliver_subject } = await ask<{ deliver_subject: string }>(
    connection,
    `$JS.API.STREAM.RESTORE.${name}`,
    { config, state },
  );
  for (const chunk of chunks) await ask(connection, deliver_subject, chunk);
  await ask(connection, deliver_subject);
}
