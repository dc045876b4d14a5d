import type { JetStreamManager } from '@nats-io/jetstream';
import { createInbox, nanos, type NatsConnection } from '@nats-io/nats-core';

import { moveToOtherServer } from '../../connection.ts';
import type { Traffic } from '../../traffic.ts';
import type { StreamPart } from '../../events/stream-parts.ts';
import type { MessageAnswers } from './message-answers.ts';
import { messageReaderOf, type ReceivedMessage } from '../../message-reader.ts';
import { Pulled, type PulledMessage } from './pulled-message.ts';
import { Request } from './pull-request.ts';
import { isAnswer, troubleOfSilence, readStatus } from './pull-status.ts';

export interface Pull {
  /** Requests more messages. Call it when the receiver has room again. */
  more(): void;
  /** Takes no more messages. Delivered messages stay with the receiver. */
  stop(): Promise<void>;
}

/** How many more messages a receiver can take now. */
export interface PullRoom {
  readonly messages: number;
  /** The payload bytes of these messages together. */
  readonly bytes: number;
  /** The receiver holds nothing: one message is requested, whatever its size. */
  readonly isEmpty: boolean;
}

export interface PullSettings {
  readonly consumer: string;
  /** How many messages are requested ahead. A function is asked before each request. */
  readonly messagesMax: number | (() => number);
  /**
   * What the receiver can take beyond what it holds. Undefined: it takes all. When it says less
   * than it held back before, call `Pull.more`.
   */
  readonly room?: () => PullRoom;
  readonly onMessage: (message: PulledMessage) => void;
  /**
   * Reports a problem that does not end the pull, such as a deleted consumer or a missing leader.
   */
  readonly onTrouble: (text: string) => void;
}

export interface RunPullOptions extends Omit<PullSettings, 'onMessage'> {
  readonly onMessage: (message: Pulled) => void;
  readonly part: StreamPart;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly traffic: Traffic;
  /** Those of the connection. */
  readonly answers: MessageAnswers;
}

/** The client's type lacks `stop`, which ends the iterator. */
type ConnectionStatus = AsyncIterable<{ readonly type: string }> & { stop(): void };

/** How long a request stays open. A pull notices after this time that a leader has changed. */
export const expiresMs = 5_000;
/** The server sends one when it has sent nothing else; a request with two missed ones is lost. */
const heartbeatMs = 2_000;
const missedMax = 2;
/** How soon to try again after a failure, and after the consumer has moved to another server. */
const troublePauseMs = 1_000;
const movedPauseMs = 100;
/** The requests of one pull: one is used up while the next is under way. */
const requestCount = 2;
/** A smaller request would soon be followed by another. */
const bytesMin = 64 * 1024;

/** Starts a pull whose requests are bounded by messages and by bytes. */
export function runPull(options: RunPullOptions): Pull {
  return new PullLoop(options);
}

/**
 * The client of NATS bounds its pulls by messages or by bytes, not by both, and loses count of the
 * bytes. Here each request has its own subject, so that its rest is known when it ends.
 *
 * The messages of a stream may have any size. A request that the next message does not fit into
 * ends with a status, and the following one asks for twice as many bytes.
 */
class PullLoop implements Pull {
  readonly #options: RunPullOptions;
  readonly #requests: readonly Request[];
  readonly #status: ConnectionStatus;
  readonly #removePullers: () => void;
  readonly #watch: NodeJS.Timeout;
  #pause: NodeJS.Timeout | undefined = undefined;
  #isConnected = true;
  #isStopped = false;
  #isFilling = false;
  /** The size that a request needs at least, for the next message to fit into it. */
  #bytesNeeded = bytesMin;

  constructor(options: RunPullOptions) {
    const { connection } = options;
    this.#options = options;
    this.#removePullers = options.traffic.addPullers(requestCount);
    this.#requests = Array.from({ length: requestCount }, () => {
      const request = new Request(createInbox());
      this.#subscribe(request);
      return request;
    });
    this.#watch = setInterval(() => this.#checkSilence(), heartbeatMs);
    this.#status = connection.status() as ConnectionStatus;
    this.#followConnection().catch((error: unknown) => options.onTrouble(String(error)));
    this.more();
  }

  more(): void {
    // A receiver that settles at once calls this from `onMessage`, once per message.
    if (this.#isFilling || this.#isStopped || this.#pause !== undefined || !this.#isConnected)
      return;
    this.#isFilling = true;
    const [first, second] = this.#requests as [Request, Request];
    if (first.state === 'none' && (second.state === 'none' || second.isHalfUsed)) this.#open(first);
    if (second.state === 'none' && first.state === 'open' && first.isHalfUsed) this.#open(second);
    this.#isFilling = false;
  }

  stop(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    this.#isStopped = true;
    clearInterval(this.#watch);
    clearTimeout(this.#pause);
    this.#status.stop();
    for (const request of this.#requests) {
      request.stopReading();
      request.subscription?.unsubscribe();
      request.end();
    }
    this.#removePullers();
    return Promise.resolve();
  }

  /** Sends a request if the receiver has room for it. */
  #open(request: Request): void {
    const { traffic, messagesMax } = this.#options;
    const size = this.#sizeOf(typeof messagesMax === 'number' ? messagesMax : messagesMax());
    if (size === undefined) return;
    request.wait(size);
    request.cancel = traffic.pulled.take(size.bytes, (giveBack) => {
      request.giveBack = giveBack;
      if (!this.#isStopped && this.#isConnected) this.#send(request);
      else request.end();
    });
  }

  #sizeOf(messagesMax: number): { messages: number; bytes: number } | undefined {
    const room = this.#options.room?.();
    const asked = this.#requests.reduce(
      (sum, { messagesLeft, bytesLeft }) => ({
        messages: sum.messages + messagesLeft,
        bytes: sum.bytes + bytesLeft,
      }),
      { messages: 0, bytes: 0 },
    );
    const messages = Math.min(
      Math.ceil(messagesMax / requestCount),
      Math.min(messagesMax, room?.messages ?? messagesMax) - asked.messages,
    );
    if (messages <= 0) return undefined;
    const wanted = Math.max(this.#options.traffic.shareBytes(), this.#bytesNeeded);
    const left = (room?.bytes ?? Number.POSITIVE_INFINITY) - asked.bytes;
    if (left >= Math.min(wanted, this.#bytesNeeded)) {
      return { messages, bytes: Math.min(wanted, left) };
    }
    const isEmpty = room?.isEmpty === true && asked.messages === 0;
    return isEmpty ? { messages: 1, bytes: this.#bytesNeeded } : undefined;
  }

  #send(request: Request): void {
    const { connection, part, consumer } = this.#options;
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${part.stream}.${consumer}`;
    const payload = JSON.stringify({
      batch: request.messagesLeft,
      max_bytes: request.bytesLeft,
      expires: nanos(expiresMs),
      idle_heartbeat: nanos(heartbeatMs),
    });
    request.open();
    try {
      connection.publish(subject, payload, { reply: request.inbox });
    } catch {
      // The connection is closed: this pull ends with it.
      request.end();
    }
  }

  #subscribe(request: Request): void {
    const { connection, onTrouble } = this.#options;
    request.subscription = connection.subscribe(request.inbox, {
      callback: (error, message) => {
        if (error === null) {
          // The client's type lacks `size`.
          const received = message as ReceivedMessage & typeof message;
          if (received.subject === request.inbox) this.#receiveStatus(request, received);
          else this.#receive(request, received);
          return;
        }
        request.stopReading();
        // The server has ended the subscription, such as for a missing permission.
        onTrouble(error.message);
        request.end();
        this.#pauseFor(troublePauseMs, () => this.#subscribe(request));
      },
    });
    request.stopReading = messageReaderOf(connection).listen(request.subscription, (message) =>
      this.#receive(request, message),
    );
  }

  #receive(request: Request, message: ReceivedMessage): void {
    const { answers, part, onMessage, onTrouble } = this.#options;
    request.isHeard = true;
    request.count(message.size());
    if (request.isUsedUp) this.#end(request);
    try {
      onMessage(new Pulled(answers, message, part));
    } catch (error) {
      // The message stays unsettled, and the log delivers it again.
      onTrouble((error as Error).message);
    }
    if (request.state === 'none' || request.isHalfUsed) this.more();
  }

  #receiveStatus(request: Request, message: ReceivedMessage): void {
    request.isHeard = true;
    const status = readStatus(message);
    // A status may be about a request that was given up before.
    if (status.kind === 'heartbeat' || request.state !== 'open') return;
    if (status.kind === 'too small' && request.received === 0) {
      this.#bytesNeeded = Math.max(this.#bytesNeeded, request.bytes * 2);
      request.end();
    } else this.#end(request);
    if (status.kind === 'trouble') {
      if (status.text !== '') this.#options.onTrouble(status.text);
      this.#checkConsumer();
      this.#pauseFor(troublePauseMs);
    } else if (status.kind === 'moved') this.#pauseFor(movedPauseMs);
    else this.more();
  }

  #end(request: Request): void {
    const { received, largestBytes } = request;
    request.end();
    if (received === 0) return;
    this.#bytesNeeded = Math.max(bytesMin, largestBytes, Math.floor(this.#bytesNeeded / 2));
  }

  #checkSilence(): void {
    if (!this.#isConnected) return;
    for (const request of this.#requests) {
      if (request.state !== 'open') continue;
      request.missed = request.isHeard ? 0 : request.missed + 1;
      request.isHeard = false;
      if (request.missed <= missedMax) continue;
      this.#options.onTrouble('heartbeats_missed');
      request.end();
      this.#checkConsumer();
    }
    this.more();
  }

  /**
   * Looks for the reason why a request has no answer. Leaves the server if that does not answer
   * either: it may be cut off from its cluster, whose consumers then work without this worker.
   */
  #checkConsumer(): void {
    const { connection, manager, part, consumer, onTrouble } = this.#options;
    manager.consumers.info(part.stream, consumer).catch((error: unknown) => {
      if (this.#isStopped) return;
      const text = troubleOfSilence(error);
      if (text !== undefined) onTrouble(text);
      else if (!isAnswer(error) && moveToOtherServer(connection)) {
        onTrouble('the server does not answer: left it');
      }
    });
  }

  #pauseFor(ms: number, work: () => void = () => {}): void {
    if (this.#isStopped) return;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      try {
        work();
      } catch (error) {
        this.#options.onTrouble((error as Error).message);
      }
      this.more();
    }, ms);
  }

  async #followConnection(): Promise<void> {
    for await (const { type } of this.#status) {
      if (type !== 'disconnect' && type !== 'reconnect') continue;
      this.#isConnected = type === 'reconnect';
      if (this.#isConnected) messageReaderOf(this.#options.connection).attach();
      // The server has forgotten the requests of the old connection.
      for (const request of this.#requests) request.end();
      this.more();
    }
  }
}
