import { create, fromBinary, fromJsonString, toBinary, toJsonString } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';

import { EventResult_Status as Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import {
  ForwardFailureSchema,
  ForwardRequestSchema,
  ForwardResponseSchema,
  type ForwardFailure,
  type ForwardRequest,
} from '../../../gen/headgate/v1/relay_service_pb.ts';
import { errorHelp, ServiceError } from '../../errors.ts';
import type { EventStatus, Verdict } from '../../event/verdict.ts';
import { checkBatchSize } from '../decode/decode-json.ts';
import { createRpcEntry, type RpcEntry } from '../rpc/serve-rpc.ts';
import type { UnaryRpc } from '../rpc/unary-rpc.ts';
import { forwardBatch, instancePattern, type ForwardedBatch } from './forward-events.ts';

/*
 * The RPCs of RelayService. Their events are bytes, so that the library of protocol buffers costs next to
 * nothing here, unlike in TrackService.
 */

const forward: UnaryRpc<ForwardedBatch, readonly Verdict[]> = {
  name: 'Forward',
  decode: (codec, message, batchEventsMax) => {
    const { events, instance, $unknown = [] } = readForward(codec, message);
    if ($unknown.length > 0) {
      const text = `The request has no field number ${$unknown[0]!.no}. It takes events, instance.`;
      throw new ServiceError('unknown_field', text);
    }
    if (!instancePattern.test(instance)) {
      const text = 'instance is not a name: at most 64 of A-Z, a-z, 0-9, dot, _ and -.';
      throw new ServiceError('malformed_request', text);
    }
    checkBatchSize(events.length, batchEventsMax);
    return { events, instance };
  },
  run: forwardBatch,
  encode: (codec, verdicts) => {
    const response = create(ForwardResponseSchema, {
      statuses: verdicts.map(({ status }) => statuses[status]),
      failures: verdicts.filter(({ error }) => error !== undefined).map(failureOf),
    });
    return {
      message:
        codec === 'json'
          ? toJsonString(ForwardResponseSchema, response)
          : Buffer.from(toBinary(ForwardResponseSchema, response)),
    };
  },
};

/** By their paths. */
export const relayRpcs: ReadonlyMap<string, RpcEntry> = new Map([
  ['/headgate.v1.RelayService/Forward', createRpcEntry(forward)],
]);

function readForward(codec: string, message: Buffer): ForwardRequest {
  try {
    return codec === 'json'
      ? fromJsonString(ForwardRequestSchema, message.toString('utf8'))
      : fromBinary(ForwardRequestSchema, message);
  } catch (cause) {
    const text = 'The message is not a ForwardRequest of this contract.';
    throw new ServiceError('malformed_request', text, { cause });
  }
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
