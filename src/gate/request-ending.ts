import { ServiceError } from '../errors.ts';
import { failureOfError } from './answer/failure.ts';
import type { Exchange } from './exchange.ts';
import type { GateContext } from './gate-context.ts';
import type { Producer } from './intake/authenticate.ts';
import { CallerGone } from './intake/caller-gone.ts';
import type { RequestMemory } from './intake/request-memory.ts';
import { refusalMs, runInTurn } from './intake/run-in-turn.ts';
import type { Endpoint, EndpointCall } from './endpoint.ts';

const canceled = 1;
const timerMsMax = 2 ** 31 - 1;

/**
 * How one request ends: once, by the first event. Until its caller is known (by a key or a
 * signature), a refusal is paid from the time for keyless requests, so callers that send many of
 * them wait for their answers.
 */
export class RequestEnding<Result> {
  isKnown = false;
  /** True once a reader receives the body. */
  isRead = false;
  /** The cost of the search for a key, in ms. */
  searchMs = 0;
  memory: RequestMemory | undefined = undefined;
  private readonly context: GateContext;
  private readonly exchange: Exchange;
  private readonly call: EndpointCall;
  private readonly endpoint: Pick<Endpoint<unknown, Result>, 'answer' | 'refuse'>;
  private isOver = false;
  /** True once it is refused and its answer waits for its turn. */
  private isWaiting = false;
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    context: GateContext,
    exchange: Exchange,
    call: EndpointCall,
    endpoint: Pick<Endpoint<unknown, Result>, 'answer' | 'refuse'>,
  ) {
    this.context = context;
    this.exchange = exchange;
    this.endpoint = endpoint;
    this.call = call;
  }

  get isEnded(): boolean {
    return this.isOver || this.isWaiting;
  }

  readonly succeed = (result: Result): void => {
    // A caller whose deadline has passed has its answer; the events are stored nevertheless.
    if (this.isEnded) return;
    try {
      this.end(this.endpoint.answer(this.exchange, this.call, result));
    } catch (error) {
      this.fail(error);
    }
  };

  readonly fail = (error: unknown): void => {
    if (this.isEnded) return;
    if (error instanceof CallerGone) this.end(canceled);
    else if (this.isKnown) this.refuse(error);
    else this.refuseInTurn(error);
  };

  /** The caller is known from now on, by its key or its signature. */
  recognize(): void {
    this.isKnown = true;
    this.exchange.call.connection.isKnown = true;
  }

  expireAfter(timeoutMs: number): void {
    const expire = (): void =>
      this.fail(new ServiceError('deadline_exceeded', 'the operation timed out'));
    if (timeoutMs < 1) expire();
    else this.timer = setTimeout(expire, Math.min(timeoutMs, timerMsMax));
  }

  /** What the request holds from now on, among those of `producer` if its caller is known. */
  openMemory(producer: Producer | undefined): RequestMemory {
    this.memory ??= this.context.callers.open(
      this.exchange.call,
      this.isKnown ? producer : undefined,
      this.fail,
    );
    return this.memory;
  }

  private refuseInTurn(error: unknown): void {
    const { callers } = this.context;
    const { call } = this.exchange;
    callers.proven.delete(call.connection);
    call.connection.isKnown = false;
    this.isWaiting = true;
    clearTimeout(this.timer);
    this.memory?.release();
    const answer = (): void => {
      if (!this.isWaiting) return;
      this.isWaiting = false;
      this.refuse(error);
    };
    const costMs = refusalMs + this.searchMs;
    // If its place is needed, or its caller disconnects, its turn is now.
    runInTurn(callers, call, { costMs, isRead: this.isRead, run: answer, lose: answer });
  }

  private refuse(error: unknown): void {
    const { context, exchange, endpoint, call } = this;
    const failure = failureOfError(error);
    context.signals.requestFailed(failure.code, exchange.correlationId, error as Error);
    this.end(endpoint.refuse(exchange, call, failure, error));
  }

  private end(status: number): void {
    const { context, exchange, call } = this;
    this.isOver = true;
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.memory?.release();
    const seconds = (performance.now() - exchange.startedAt) / 1000;
    context.signals.requestAnswered(call.rpc, call.door, status, seconds);
  }
}
