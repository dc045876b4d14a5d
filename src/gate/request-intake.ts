import { ServiceError } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import type { GateContext } from './gate-context.ts';
import { presentedKey, type Producer } from './intake/authenticate.ts';
import { KeySearch } from './intake/key-search/find-key.ts';
import { tooLargeForGate } from './intake/read-body.ts';
import type { RequestMemory } from './intake/request-memory.ts';
import { UploadPace } from './intake/upload-pace.ts';
import type { RequestEnding } from './request-ending.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * The steps of a request: authenticate it, read its body, find its key there if no header has it,
 * and unpack it. Each step is paid from the budget of its caller: intake/callers.ts.
 */
export class RequestIntake<Request, Result> {
  /** Undefined while the key is searched in the body. */
  producer: Producer | undefined = undefined;
  private readonly context: GateContext;
  private readonly exchange: Exchange;
  private readonly endpoint: Endpoint<Request, Result>;
  private readonly ending: RequestEnding<Result>;
  private readonly onMessage: (message: Buffer) => void;
  /** The limit of the body: that of the message, and what the protocol puts around it. */
  readonly bytesMax: number;
  private readonly messageBytesMax: number;
  private search: KeySearch | undefined = undefined;

  constructor(
    context: GateContext,
    exchange: Exchange,
    endpoint: Endpoint<Request, Result>,
    ending: RequestEnding<Result>,
    onMessage: (message: Buffer) => void,
  ) {
    this.context = context;
    this.exchange = exchange;
    this.endpoint = endpoint;
    this.ending = ending;
    this.onMessage = onMessage;
    const { requestBytesMax } = context.limits;
    const { bytesMax = requestBytesMax, framingBytes = 0 } = endpoint;
    this.messageBytesMax = Math.min(bytesMax, requestBytesMax);
    this.bytesMax = this.messageBytesMax + framingBytes;
  }

  /** The key comes first: a body without a valid key is not read, or only to find the key in it. */
  authenticate(): void {
    const { context, exchange, endpoint, ending } = this;
    const { keyInBody } = endpoint;
    const { headers } = exchange.call;
    if (keyInBody === undefined || context.callers.isOpen || presentedKey(headers) !== '') {
      this.producer = context.authenticate(headers);
      if (endpoint.isSigned !== true) ending.recognize();
      return;
    }
    const { callers, authenticate } = context;
    const { bytesMax, tooLarge, memory } = this;
    const options = { callers, authenticate, exchange, keyInBody, bytesMax, tooLarge, memory };
    this.search = new KeySearch(options);
  }

  readBody(): void {
    const { context, exchange, ending, search } = this;
    ending.isRead = true;
    if (!ending.isKnown) {
      const pace = new UploadPace(context.callers, exchange.call);
      let isUnknown = true;
      this.onChunk = (bytes) => {
        if (!isUnknown) return;
        isUnknown = search?.take(bytes) !== true;
        if (isUnknown) pace.take(bytes.length);
        else pace.giveBack();
      };
    }
    context.bodies.read(exchange.call, this.onBody, ending.fail, this);
  }

  onChunk: ((bytes: Buffer) => void) | undefined = undefined;

  readonly memory = (): RequestMemory => this.ending.openMemory(this.producer);

  readonly tooLarge = (bytes: number): ServiceError =>
    this.tooLargeMessage(bytes - (this.endpoint.framingBytes ?? 0));

  private readonly tooLargeMessage = (bytes: number): ServiceError => {
    const { messageBytesMax: bytesMax, endpoint } = this;
    if (bytesMax !== endpoint.bytesMax) return tooLargeForGate(bytes, bytesMax);
    return new ServiceError(
      'request_too_large',
      `The body is at least ${bytes} bytes; the limit of this endpoint is ${bytesMax}, counted ` +
        'after decompression. Split it into smaller requests.',
    );
  };

  private readonly onBody = (body: Buffer): void => {
    const { search, ending, context, exchange } = this;
    if (search === undefined) {
      this.unpack(body, undefined);
      return;
    }
    ending.searchMs = search.costMs;
    search.finish(body, {
      onFound: (_producer, inflated) => {
        ending.recognize();
        context.callers.proven.add(exchange.call.connection);
        this.unpack(body, inflated);
      },
      onError: ending.fail,
    });
  };

  private unpack(body: Buffer, inflated: Buffer | undefined): void {
    const { exchange, context, endpoint, ending, onMessage, tooLargeMessage: tooLarge } = this;
    if (ending.isEnded) return;
    try {
      const { headers } = exchange.call;
      if (headers['content-encoding'] !== undefined || headers['grpc-encoding'] !== undefined) {
        const slots = context.callers.inflations;
        exchange.unpacking = { memory: this.memory(), slots, tooLarge, inflated };
      }
      const message = endpoint.unpack(exchange, body, this.messageBytesMax);
      if (endpoint.isSigned === true) this.verified();
      if (message instanceof Promise) message.then(onMessage, ending.fail);
      else onMessage(message);
    } catch (error) {
      ending.fail(error);
    }
  }

  /** The signature is valid: the source sent this body. */
  private verified(): void {
    const { ending, producer } = this;
    ending.recognize();
    if (producer !== undefined) ending.memory?.becomeKeyed(producer);
  }
}
