import type { Dispatcher } from 'undici';

import { stoppedText } from '../destination.ts';

/** The request was given up; the message says why. */
export class RequestStoppedError extends Error {
  override readonly name = 'RequestStoppedError';
}

/** How a request ended. `cause` is the error of the network, or a RequestStoppedError. */
export type ExchangeEnd =
  | { readonly kind: 'answered'; readonly answer: ExchangeAnswer }
  | { readonly kind: 'unanswered'; readonly cause: Error };

export interface ExchangeAnswer {
  readonly status: number;
  /** In lower case; a header that came more than once is a list. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The beginning of the body. */
  readonly text: string;
  /**
   * Why the body ended before its length or its last chunk: an error of the network, or a
   * RequestStoppedError. Undefined for a whole body.
   */
  readonly cut: Error | undefined;
}

export interface ExchangeOptions {
  /** From the dispatch to the end of the answer. */
  readonly timeoutMs: number;
  /** No more of the body is read; its connection is closed then. */
  readonly answerBytesMax: number;
  readonly signal: AbortSignal;
}

/**
 * Sends one request and reads its answer. Never rejects.
 *
 * As a handler of undici's `dispatch`, because `request` makes a stream, an abort signal and several
 * promises for each answer, which cost as much as the request itself.
 *
 * Once the status has arrived the request is answered, however its body ends: what has come of it is
 * the text, and `cut` says that this is not all.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  options: ExchangeOptions,
): Promise<ExchangeEnd> {
  return new Promise((resolve) => {
    const handler = new Exchange(options, resolve);
    if (handler.isOpen) dispatcher.dispatch(request, handler);
  });
}

/** A class, because one is created for every request and its methods are shared. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #resolve: (end: ExchangeEnd) => void;
  readonly #timer: NodeJS.Timeout;
  isOpen = true;
  #controller: Dispatcher.DispatchController | undefined;
  /** 0 until the answer begins. */
  #status = 0;
  #headers: ExchangeAnswer['headers'] = {};
  #chunks: Buffer[] | undefined;
  #bytes = 0;

  constructor(options: ExchangeOptions, resolve: (end: ExchangeEnd) => void) {
    const { timeoutMs, signal } = options;
    this.#options = options;
    this.#resolve = resolve;
    this.#timer = setTimeout(onTimeout, timeoutMs, this, timeoutMs);
    if (signal.aborted) this.stop(stoppedText);
    else signal.addEventListener('abort', this, { once: true });
  }

  /** The signal calls it. */
  handleEvent(): void {
    this.stop(stoppedText);
  }

  /** Ends the request with what has come of its answer, and closes its connection. */
  stop(why: string): void {
    const cause = new RequestStoppedError(why);
    this.#end(cause);
    this.#controller?.abort(cause);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It was stopped while it waited for a connection.
    if (!this.isOpen) controller.abort(new RequestStoppedError(stoppedText));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ExchangeAnswer['headers'],
  ): void {
    // 1xx: the answer follows.
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    (this.#chunks ??= []).push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= this.#options.answerBytesMax) this.stop('the answer is too long');
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  #end(cause?: Error): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this);
    this.#resolve(
      this.#status === 0
        ? { kind: 'unanswered', cause: cause ?? new Error('the answer has no status') }
        : {
            kind: 'answered',
            answer: {
              status: this.#status,
              headers: this.#headers,
              text: this.#text(),
              cut: cause,
            },
          },
    );
  }

  #text(): string {
    if (this.#chunks === undefined) return '';
    return Buffer.concat(this.#chunks).toString('utf8', 0, this.#options.answerBytesMax);
  }
}

function onTimeout(one: Exchange, timeoutMs: number): void {
  one.stop(`no answer within ${timeoutMs} ms`);
}
