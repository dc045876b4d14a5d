import {
  create,
  fromBinary,
  fromJsonString,
  toBinary,
  toJsonString,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';

import { EventResult_Status as Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import {
  ForwardFailureSchema,
  ForwardRequestSchema,
  ForwardResponseSchema,
  GetContractsRequestSchema,
  GetContractsResponseSchema,
  type ForwardFailure,
  type GetContractsRequest,
} from '../../../gen/headgate/v1/relay_service_pb.ts';
import { errorHelp, ServiceError } from '../../errors.ts';
import type { EventStatus, Verdict } from '../../event/verdict.ts';
import { checkBatchSize } from '../decode/decode-json.ts';
import { createRpcEntry, type RpcEntry } from '../rpc/serve-rpc.ts';
import type { UnaryRpc } from '../rpc/unary-rpc.ts';
import { forwardBatch, instancePattern, relayOf, type ForwardedBatch } from './forward-events.ts';
import type { ContractsForm } from '../../event/contracts/contracts-form.ts';

/*
 * The RPCs of RelayService. Their events are bytes, so that the library of protocol buffers costs next to
 * nothing here, unlike in TrackService.
 */

const forward: UnaryRpc<ForwardedBatch, readonly Verdict[]> = {
  name: 'Forward',
  decode: (codec, message, batchEventsMax) => {
    const { events, instance } = readMessage(ForwardRequestSchema, codec, message);
    if (!instancePattern.test(instance)) {
      const text = 'instance is not a name: at most 64 of A-Z, a-z, 0-9, dot, _ and -.';
      throw new ServiceError('malformed_request', text);
    }
    checkBatchSize(events.length, batchEventsMax);
    return { events, instance };
  },
  run: forwardBatch,
  encode: (codec, verdicts) => {
    const response = {
      statuses: verdicts.map(({ status }) => statuses[status]),
      failures: verdicts.filter(({ error }) => error !== undefined).map(failureOf),
    };
    return { message: writeMessage(ForwardResponseSchema, codec, response) };
  },
};

interface ContractsAnswer {
  readonly contracts: ContractsForm;
  readonly isKnown: boolean;
}

const getContracts: UnaryRpc<GetContractsRequest, ContractsAnswer> = {
  name: 'GetContracts',
  decode: (codec, message) => readMessage(GetContractsRequestSchema, codec, message),
  run: (context, { knownRevision }, caller, succeed) => {
    context.signals.relayAsked(relayOf(caller).source);
    const contracts = context.contracts();
    succeed({ contracts, isKnown: knownRevision === contracts.revision });
  },
  encode: (codec, { contracts, isKnown }) => {
    const { revision, headerJson, events, isSuspended: suspended } = contracts;
    const all = {
      headerJson,
      suspended,
      events: events.map(({ name, entryJson, schemasJson }) => ({
        eventName: name,
        entryJson,
        schemaJson: [...schemasJson],
      })),
    };
    const response = { revision, ...(!isKnown && { contracts: all }) };
    return { message: writeMessage(GetContractsResponseSchema, codec, response) };
  },
};

/** By their paths. */
export const relayRpcs: ReadonlyMap<string, RpcEntry> = new Map([
  ['/headgate.v1.RelayService/Forward', createRpcEntry(forward)],
  ['/headgate.v1.RelayService/GetContracts', createRpcEntry(getContracts)],
]);

function readMessage<Schema extends DescMessage>(
  schema: Schema,
  codec: string,
  message: Buffer,
): MessageShape<Schema> {
  let read: MessageShape<Schema>;
  try {
    read =
      codec === 'json'
        ? fromJsonString(schema, message.toString('utf8'))
        : fromBinary(schema, message);
  } catch (cause) {
    const text = `The message is not a ${schema.name} of this contract.`;
    throw new ServiceError('malformed_request', text, { cause });
  }
  const [unknown] = read.$unknown ?? [];
  if (unknown === undefined) return read;
  const known = schema.fields.map(({ name }) => name).join(', ');
  const text = `The request has no field number ${unknown.no}. It takes ${known}.`;
  throw new ServiceError('unknown_field', text);
}

function writeMessage<Schema extends DescMessage>(
  schema: Schema,
  codec: string,
  content: MessageInitShape<Schema>,
): Buffer | string {
  const message = create(schema, content);
  return codec === 'json' ? toJsonString(schema, message) : Buffer.from(toBinary(schema, message));
}

const statuses: Readonly<Record<EventStatus, Status>> = {
  accepted: Status.ACCEPTED,
  duplicate: Status.DUPLICATE,
  rejected: Status.REJECTED,
  retry: Status.RETRY,
};

function failureOf({ index, error, retryAfterMs }: Verdict): ForwardFailure {
  const { code, message, violations } = error!;
  return create(ForwardFailureSchema, {
    index,
    error: { code, message, violations: [...violations], help: errorHelp(code) },
    ...(retryAfterMs !== undefined && { retryDelay: durationFromMs(retryAfterMs) }),
  });
}
