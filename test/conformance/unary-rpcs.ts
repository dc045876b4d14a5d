import {
  create,
  fromBinary,
  fromJsonString,
  toBinary,
  toJsonString,
  type DescMessage,
  type DescService,
  type Message,
  type MessageInitShape,
  type Registry,
} from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';

import { ServiceError } from '../../src/errors.ts';
import { createRpcEntry, type RpcEntry } from '../../src/gate/rpc/serve-rpc.ts';
import type { RpcAnswer, UnaryRpc } from '../../src/gate/rpc/unary-rpc.ts';
import type { Caller } from '../../src/gate/serve-request.ts';
import { otherLabel } from '../../src/observability/metrics.ts';
import {
  requestInfoOf,
  type Asking,
  type Header,
  type UnaryDefinition,
} from './conformance-service.ts';

/*
 * The unary RPCs of connectrpc.conformance.v1.ConformanceService on the gate's own code for unary calls, by
 * their paths. conformance-service.ts has the same service on connect-node's handlers.
 */
export function createConformanceRpcs(
  service: DescService,
  registry: Registry,
): ReadonlyMap<string, RpcEntry> {
  const { unary, idempotentUnary } = service.method;
  return new Map(
    [unary!, idempotentUnary!].map((method) => [
      `/${service.typeName}/${method.name}`,
      createRpcEntry(conformanceRpc(method, registry)),
    ]),
  );
}

interface Seen {
  readonly definition: UnaryDefinition | undefined;
  /** What the server saw of the request, as a message. */
  readonly info: Message;
}

function conformanceRpc(
  { input, output }: { readonly input: DescMessage; readonly output: DescMessage },
  registry: Registry,
): UnaryRpc<Message, Seen> {
  const infoType = requestInfoOf(output);
  return {
    name: otherLabel,
    decode: (codec, message) => {
      try {
        return codec === 'json'
          ? fromJsonString(input, message.toString(), { registry })
          : fromBinary(input, message);
      } catch (cause) {
        throw new ServiceError('malformed_request', String(cause), { cause });
      }
    },
    run: (_context, request, caller, succeed) => {
      const { responseDefinition: definition } = request as Asking<UnaryDefinition>;
      const info = create(infoType, {
        ...seenOf(caller),
        requests: [anyPack(input, request)],
      } as MessageInitShape<DescMessage>);
      setTimeout(() => succeed({ definition, info }), definition?.responseDelayMs ?? 0);
    },
    encode: (codec, { definition, info }) => {
      const metadata = {
        headers: recordOf(definition?.responseHeaders ?? []),
        trailers: recordOf(definition?.responseTrailers ?? []),
      };
      const response = definition?.response;
      if (response?.case === 'error') {
        const { code, message = '', details: asked } = response.value;
        const details = asked.map(({ typeUrl, value }) => ({
          type: typeUrl.split('/').at(-1)!,
          value,
        }));
        details.push({ type: infoType.typeName, value: toBinary(infoType, info) });
        return { ...metadata, error: { code, message, details } } satisfies RpcAnswer;
      }
      const data = response?.case === 'responseData' ? response.value : new Uint8Array();
      const answer = create(output, { payload: { data, requestInfo: info } } as never);
      const message =
        codec === 'json'
          ? toJsonString(output, answer, { registry })
          : Buffer.from(toBinary(output, answer));
      return { ...metadata, message };
    },
  };
}

function seenOf({ exchange, timeoutMs }: Caller): object {
  const headers = Object.entries(exchange.call.headers)
    .filter(([name]) => !name.startsWith(':'))
    .map(([name, value]) => ({ name, value: [value].flat() }));
  return {
    requestHeaders: headers,
    ...(timeoutMs !== undefined && { timeoutMs: BigInt(Math.round(timeoutMs)) }),
  };
}

function recordOf(headers: readonly Header[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    record[key] = [...(key in record ? [record[key]] : []), ...value].join(', ');
  }
  return record;
}
