import type { NatsConnection } from '@nats-io/nats-core';
import { vi } from 'vitest';

/** Records the reply subject of each message that a connection sends from now on. */
export function watchReplies(connection: NatsConnection): { replies: string[]; stop: () => void } {
  const { protocol } = connection as unknown as {
    protocol: { sendCommand: (bytes: Uint8Array) => void };
  };
  const replies: string[] = [];
  const send = vi.spyOn(protocol, 'sendCommand').mockImplementation((bytes) => {
    for (const [, reply] of Buffer.from(bytes)
      .toString('latin1')
      .matchAll(/^HPUB \S+ (\S+) /gm)) {
      replies.push(reply!);
    }
    original.call(protocol, bytes);
  });
  const original = Object.getPrototypeOf(protocol).sendCommand as (bytes: Uint8Array) => void;
  return { replies, stop: () => send.mockRestore() };
}
