import { setTimeout as sleep } from 'node:timers/promises';

import { ageMs } from '../event/time/steady-time.ts';
import type { StreamEndpoint, TakenMessage } from '../gate/nats/stream-endpoint.ts';
import type { PullRoom } from '../jetstream/consume/pulling/pull-requests.ts';
import type { PulledMessage } from '../jetstream/consume/pulling/pulled-message.ts';
import { messagesMax } from '../jetstream/other/inspect-consumer.ts';
import type { OtherMessage } from '../jetstream/other/other-stream.ts';
import type { Signals } from '../observability/signals.ts';

/** The payload bytes of the messages that one process holds of one source. */
const bytesMax = 16 * 1024 * 1024;

/** The delay of a message that says nothing else; it doubles while nothing is stored. */
const retryDelayMs = 500;
const retryDelayMsMax = 30_000;
/** While the log is away, no new messages are taken for so long at most. */
const pauseMsMax = 5_000;

export interface MessageDeskOptions {
  readonly source: string;
  readonly stream: string;
  readonly endpoint: StreamEndpoint;
  readonly signals: Pick<Signals, 'natsIntakeSettled'>;
  /** How long the log itself recognizes an event that it has stored. */
  readonly dedupWindowMs: number;
  /** Room has become free. */
  readonly onRoom: () => void;
}

/**
 * The messages that one process holds of one source. Each is settled once: acknowledged when its
 * events are in the log or in quarantine, and given back otherwise.
 */
export class MessageDesk {
  readonly #options: MessageDeskOptions;
  readonly #held = new Set<PulledMessage>();
  readonly #stopping = new AbortController();
  #bytes = 0;
  #failuresInARow = 0;
  #pause: NodeJS.Timeout | undefined = undefined;
  #working: NodeJS.Timeout | undefined = undefined;

  constructor(options: MessageDeskOptions) {
    this.#options = options;
  }

  readonly room = (): PullRoom => {
    const isOpen = this.#pause === undefined && !this.#stopping.signal.aborted;
    return {
      messages: isOpen ? messagesMax - this.#held.size : 0,
      bytes: bytesMax - this.#bytes,
      isEmpty: isOpen && this.#held.size === 0,
    };
  };

  /** Keeps the server from delivering again what is held: some wait for the limit of their source. */
  keepAlive(ackWaitMs: number): void {
    clearInterval(this.#working);
    this.#working = setInterval(
      () => {
        for (const pulled of this.#held) pulled.working();
      },
      Math.max(20, ackWaitMs / 3),
    );
    this.#working.unref();
  }

  take(message: OtherMessage): void {
    const { pulled } = message;
    this.#held.add(pulled);
    this.#bytes += pulled.payload.length;
    this.#settle(message)
      .finally(() => {
        this.#held.delete(pulled);
        this.#bytes -= pulled.payload.length;
        this.#options.onRoom();
      })
      .catch((error: unknown) => process.emitWarning(error as Error));
  }

  /**
   * Takes no more. Resolves when everything is settled: what is being stored is, and what waits for a
   * limit is given back at once.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#pause);
    const deadline = performance.now() + graceMs;
    while (this.#held.size > 0 && performance.now() < deadline) await sleep(5);
    clearInterval(this.#working);
  }

  async #settle({ pulled, headers }: OtherMessage): Promise<void> {
    const { source, endpoint, signals } = this.#options;
    const { signal } = this.#stopping;
    if (signal.aborted) {
      pulled.nak(0);
      signals.natsIntakeSettled(source, 'returned');
      return;
    }
    try {
      const outcome = await endpoint.accept(this.#messageOf(pulled, headers), signal);
      if (outcome.kind === 'retry') pulled.nak(this.#delayAfterFailure(outcome.delayMs));
      else {
        pulled.ack();
        this.#failuresInARow = 0;
      }
      signals.natsIntakeSettled(source, outcome.kind);
    } catch {
      // It waited for a limit, and the gate stops.
      pulled.nak(0);
      signals.natsIntakeSettled(source, 'returned');
    }
  }

  #messageOf(pulled: PulledMessage, headers: OtherMessage['headers']): TakenMessage {
    const { stream, dedupWindowMs } = this.#options;
    const { sequence, deliveries, storedAtMs, payload } = pulled;
    // Half of the window: the clocks of their NATS and of the log differ.
    const isForgotten = deliveries > 1 && ageMs(storedAtMs) > dedupWindowMs / 2;
    return {
      headers,
      payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
      storedAtMs,
      // With the time: a stream that is made again begins with the same sequences.
      place: `${stream}:${sequence}:${Math.floor(storedAtMs)}`,
      mayBeStoredSinceMs: isForgotten ? storedAtMs - dedupWindowMs : undefined,
    };
  }

  /** Also pauses the pull: what would be given back need not be taken. */
  #delayAfterFailure(delayMs: number | undefined): number {
    const ownMs = Math.min(retryDelayMsMax, retryDelayMs * 2 ** Math.min(20, this.#failuresInARow));
    if (this.#pause === undefined && !this.#stopping.signal.aborted) {
      this.#failuresInARow += 1;
      this.#pause = setTimeout(
        () => {
          this.#pause = undefined;
          this.#options.onRoom();
        },
        Math.min(pauseMsMax, delayMs ?? ownMs),
      );
    }
    return delayMs ?? ownMs;
  }
}
