import { JetStreamError } from '@nats-io/jetstream';
import { createInbox, NoRespondersError, type Msg, type NatsConnection } from '@nats-io/nats-core';

import type { StreamPart } from '../events/stream-parts.ts';
import { ReadTimeoutError } from '../log-failure.ts';
import { messageReaderOf, type MessageOfBytes } from '../message-reader.ts';
import { pageBytesMax } from '../traffic.ts';

export interface PageRequest {
  readonly part: StreamPart;
  /** As in `topology.ts`; it may hold wildcards. */
  readonly subject: string;
  /** In the stream of NATS. */
  readonly sequence: number;
  readonly messagesMax: number;
}

/** How long to wait for the next message of a page: the connection may be lost within a page. */
const pageTimeoutMs = 5_000;

/**
 * Asks for the next messages from a sequence on whose subject matches; none at the end of the stream.
 * The answer ends early if the messages are large. A batched direct get of
 * https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md, whose messages are
 * read from the bytes of the connection: the client would parse all headers of each, and these cost more
 * than the rest. Rejects when the log cannot be reached.
 */
export function requestPage(
  connection: NatsConnection,
  { part, subject, sequence, messagesMax }: PageRequest,
): Promise<PageMessage[]> {
  return new Promise((resolve, reject) => {
    const page: PageMessage[] = [];
    const inbox = createInbox();
    const end = (error?: Error): void => {
      clearTimeout(timer);
      stopReading();
      subscription.unsubscribe();
      if (error === undefined) resolve(page);
      else reject(error);
    };
    const receive = (message: Received): void => {
      timer.refresh();
      page.push(new PageMessage(part, message));
    };
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return end(error);
        const code = message.headers?.code ?? 0;
        if (code === endOfBatch || code === notFound) return end();
        if (code !== 0) return end(failureOf(code, message));
        // This version of the client has no parser that we know.
        receive({ data: message.data, headerText: () => String(message.headers) });
      },
    });
    const stopReading = messageReaderOf(connection).listen(subscription, receive);
    const timer = setTimeout(
      () => end(new ReadTimeoutError(`${part.stream} was not read within ${pageTimeoutMs} ms`)),
      pageTimeoutMs,
    );
    // Who stops does not wait for a page whose connection is closed.
    timer.unref();
    const request = {
      seq: sequence,
      next_by_subj: part.subject(subject),
      batch: messagesMax,
      // The limit of the server itself is its max_pending: one page would be all that it sends.
      max_bytes: pageBytesMax,
    };
    try {
      connection.publish(`$JS.API.DIRECT.GET.${part.stream}`, JSON.stringify(request), {
        reply: inbox,
      });
    } catch (error) {
      end(error as Error);
    }
  });
}

const endOfBatch = 204;
const notFound = 404;
const noResponders = 503;

function failureOf(code: number, { subject, headers }: Msg): Error {
  return code === noResponders
    ? new NoRespondersError(subject)
    : new JetStreamError(`${code} ${headers?.description ?? ''}`);
}

type Received = Pick<MessageOfBytes, 'data' | 'headerText'>;

/** A class, because millions are read and its parts are shared. */
export class PageMessage {
  readonly subject: string;
  /** Its position. */
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** The first value of a header; empty without it. A property: callers pass it on without its message. */
  readonly header: (name: string) => string;
  readonly #headerText: string;

  constructor(part: StreamPart, message: Received) {
    const text = message.headerText();
    this.#headerText = text;
    this.header = (name) => valueOfHeader(text, name);
    this.payload = message.data;
    this.subject = serverValue(text, 'Nats-Subject');
    this.sequence = part.position(Number(serverValue(text, 'Nats-Sequence')));
  }

  /** A Unix time in ms. */
  get storedAtMs(): number {
    return Date.parse(serverValue(this.#headerText, 'Nats-Time-Stamp'));
  }
}

/** The first value of a header in the text of all of them; empty without it. */
export function valueOfHeader(text: string, name: string): string {
  return valueAt(text, name, text.indexOf(lineOf(name)));
}

const lineOf = (name: string): string => `\r\n${name}:`;

/** The value of a header that the server adds behind those of the message, which may have the same. */
function serverValue(text: string, name: string): string {
  return valueAt(text, name, text.lastIndexOf(lineOf(name)));
}

function valueAt(text: string, name: string, lineAt: number): string {
  if (lineAt === -1) return '';
  const from = lineAt + lineOf(name).length;
  return text.slice(from, text.indexOf('\r\n', from)).trim();
}
