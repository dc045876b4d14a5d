import { setTimeout as sleep } from 'node:timers/promises';

import {
  create,
  type DescService,
  type Message,
  type MessageShape,
  type DescMessage,
} from '@bufbuild/protobuf';
import { anyPack, type Any } from '@bufbuild/protobuf/wkt';
import { ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';

/*
 * connectrpc.conformance.v1.ConformanceService, as its service.proto specifies: each answer is what the
 * request asks for, with the request as the server received it.
 */

export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

export interface AskedError {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

interface Definition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}

export interface UnaryDefinition extends Definition {
  readonly response:
    | { case: 'responseData'; value: Uint8Array }
    | { case: 'error'; value: AskedError }
    | { case: undefined };
}

interface StreamDefinition extends Definition {
  readonly responseData: readonly Uint8Array[];
  readonly error?: AskedError;
}

export type Asking<D> = Message & {
  readonly responseDefinition?: D;
  readonly fullDuplex?: boolean;
};

/** Builds the messages from their descriptors, because no generated code is available. */
export function registerConformance(router: ConnectRouter, service: DescService): void {
  const { unary, serverStream, clientStream, bidiStream, idempotentUnary } = service.method;
  const infoType = requestInfoOf(unary!.output);
  const make = (
    method: { readonly output: DescMessage },
    data: Uint8Array | undefined,
    info: object | undefined,
  ) =>
    create(method.output, {
      payload: { data: data ?? new Uint8Array(), requestInfo: info },
    } as never);

  const info = (
    method: { readonly input: DescMessage },
    context: HandlerContext,
    requests: readonly Message[],
  ) =>
    infoOf(
      context,
      requests.map((request) => anyPack(method.input, request as MessageShape<DescMessage>)),
    );

  const single = (name: typeof unary) => async (request: Message, context: HandlerContext) => {
    const { responseDefinition } = request as Asking<UnaryDefinition>;
    return answerOnce(
      responseDefinition,
      context,
      info(name!, context, [request]),
      infoType,
      (data, seen) => make(name!, data, seen),
    );
  };

  router.rpc(unary as never, single(unary) as never);
  router.rpc(idempotentUnary as never, single(idempotentUnary) as never);

  router.rpc(
    clientStream as never,
    (async (requests: AsyncIterable<Message>, context: HandlerContext) => {
      const all: Message[] = [];
      for await (const request of requests) all.push(request);
      const definition = (all[0] as Asking<UnaryDefinition> | undefined)?.responseDefinition;
      return answerOnce(
        definition,
        context,
        info(clientStream!, context, all),
        infoType,
        (data, seen) => make(clientStream!, data, seen),
      );
    }) as never,
  );

  router.rpc(
    serverStream as never,
    async function* (request: Message, context: HandlerContext) {
      const { responseDefinition: definition } = request as Asking<StreamDefinition>;
      if (definition === undefined) return;
      begin(definition, context);
      const seen = info(serverStream!, context, [request]);
      for (const [index, data] of definition.responseData.entries()) {
        await sleep(definition.responseDelayMs);
        yield make(serverStream!, data, index === 0 ? seen : undefined);
      }
      const told = definition.responseData.length === 0 ? seen : undefined;
      if (definition.error !== undefined) throw errorOf(definition.error, told, infoType);
    } as never,
  );

  router.rpc(
    bidiStream as never,
    async function* (requests: AsyncIterable<Message>, context: HandlerContext) {
      let definition: StreamDefinition | undefined;
      let isFull = false;
      let seen: Message[] = [];
      let sent = 0;
      for await (const request of requests) {
        seen.push(request);
        if (definition === undefined) {
          ({ responseDefinition: definition, fullDuplex: isFull = false } =
            request as Asking<StreamDefinition>);
          if (definition !== undefined) begin(definition, context);
        }
        if (!isFull) continue;
        if (definition === undefined || sent >= definition.responseData.length) break;
        await sleep(definition.responseDelayMs);
        const whole = info(bidiStream!, context, seen);
        yield make(
          bidiStream!,
          definition.responseData[sent],
          sent === 0 ? whole : { requests: whole.requests },
        );
        sent += 1;
        seen = [];
      }
      if (definition === undefined) return;
      for (; sent < definition.responseData.length; sent += 1) {
        await sleep(definition.responseDelayMs);
        yield make(
          bidiStream!,
          definition.responseData[sent],
          sent === 0 ? info(bidiStream!, context, seen) : undefined,
        );
      }
      const told = sent === 0 ? info(bidiStream!, context, seen) : undefined;
      if (definition.error !== undefined) throw errorOf(definition.error, told, infoType);
    } as never,
  );
}

async function answerOnce<T>(
  definition: UnaryDefinition | undefined,
  context: HandlerContext,
  seen: object,
  infoType: DescMessage,
  make: (data: Uint8Array | undefined, seen: object) => T,
): Promise<T> {
  if (definition === undefined) return make(undefined, seen);
  begin(definition, context);
  await sleep(definition.responseDelayMs);
  const { response } = definition;
  if (response.case === 'error') throw errorOf(response.value, seen, infoType);
  return make(response.case === 'responseData' ? response.value : undefined, seen);
}

/** The request as the server received it: a message within the payload of every answer. */
export function requestInfoOf(output: DescMessage): DescMessage {
  const payload = output.fields.find(({ name }) => name === 'payload')!.message!;
  return payload.fields.find(({ name }) => name === 'request_info')!.message!;
}

function begin(definition: Definition, context: HandlerContext): void {
  for (const { name, value } of definition.responseHeaders) {
    for (const each of value) context.responseHeader.append(name, each);
  }
  for (const { name, value } of definition.responseTrailers) {
    for (const each of value) context.responseTrailer.append(name, each);
  }
}

function infoOf(context: HandlerContext, requests: readonly Any[]) {
  const timeoutMs = context.timeoutMs();
  const query = new URL(context.url).searchParams;
  const isGet = context.requestMethod === 'GET';
  const queryParams = [...query].map(([name, value]) => ({ name, value: [value] }));
  return {
    requestHeaders: [...context.requestHeader].map(([name, value]) => ({ name, value: [value] })),
    requests,
    ...(timeoutMs !== undefined && { timeoutMs: BigInt(Math.round(timeoutMs)) }),
    ...(isGet && { connectGetInfo: { queryParams } }),
  };
}

function errorOf(asked: AskedError, seen: object | undefined, infoType: DescMessage): ConnectError {
  const error = new ConnectError(asked.message ?? '', asked.code);
  error.details = asked.details.map(({ typeUrl, value }) => ({
    type: typeUrl.split('/').at(-1)!,
    value,
  }));
  if (seen !== undefined) error.details.push({ desc: infoType, value: seen as never });
  return error;
}
