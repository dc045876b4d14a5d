import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { grpcCode, grpcCodeNames } from '../../errors.ts';
import type { UniversalEndpoint } from '../../http/universal.ts';
import { mediaTypeOf, reply, type Exchange } from '../exchange.ts';
import type { GateContext } from '../gate-context.ts';
import { CallerGone } from '../intake/caller-gone.ts';
import { refusalMs, runInTurn } from '../intake/run-in-turn.ts';
import { sendConnectError } from './connect-unary.ts';
import { frameOf, sendGrpcError } from './grpc-unary.ts';
import type { OpenLimits } from './open-limits.ts';

/** The time of the gate for one call, in the library, without its questions. */
const checkMs = 0.25;
const streamMs = 0.4;
/** The body that a call may have while it waits: what one message may have, and buffers. */
const waitingBodyBytes = 64 * 1024;

const checkPath = `/${Health.typeName}/Check`;
const watchPath = `/${Health.typeName}/Watch`;

/**
 * Serves health checking and reflection by the library, which needs no key and costs several times what
 * our own endpoints cost. So each call is paid from the time of keyless requests before the library
 * sees it, and those that would be refused are refused here. Returns false if there is no such RPC.
 */
export function createOpenCalls(
  context: GateContext,
  endpoint: UniversalEndpoint,
  limits: OpenLimits,
): (exchange: Exchange, path: string) => boolean {
  const { callers } = context;
  return (exchange, path) => {
    if (!endpoint.has(path)) return false;
    const { call, correlationId } = exchange;
    const serve = (): void => void endpoint.serve(call, correlationId, path);
    if (call.connection.isKnown === true) {
      serve();
      return true;
    }
    const refuse = (code: number, text: string): void => {
      const run = (): void => sendRefusal(exchange, code, text);
      runInTurn(callers, call, { costMs: refusalMs, run, lose: run });
    };
    const reason = refusalOf(limits, exchange, path);
    if (reason !== undefined) {
      refuse(grpcCode.resourceExhausted, reason);
      return true;
    }
    const isCheck = path === checkPath;
    runInTurn(callers, call, {
      costMs: isCheck ? checkMs : streamMs,
      ...(isCheck && { turns: callers.checks }),
      bodyBytes: waitingBodyBytes,
      run: serve,
      lose: (error) => {
        if (error instanceof CallerGone) sendRefusal(exchange, grpcCode.unavailable, busy);
        else refuse(grpcCode.unavailable, busy);
      },
    });
    return true;
  };
}

const busy = 'Too many calls without a key wait. Call again later.';

function refusalOf(limits: OpenLimits, { call }: Exchange, path: string): string | undefined {
  if (path === checkPath) return undefined;
  return path === watchPath ? limits.watching.refusal(call) : limits.reflectionRefusal(call);
}

/** Answers in the protocol of the caller, as the library would. */
function sendRefusal(exchange: Exchange, code: number, message: string): void {
  const contentType = mediaTypeOf(exchange);
  const error = { code, message, details: [] };
  if (contentType.startsWith('application/grpc-web')) {
    sendGrpcError(exchange, { door: 'grpc_web', contentType }, error);
  } else if (contentType.startsWith('application/grpc') && exchange.call.httpVersionMajor === 2) {
    sendGrpcError(exchange, { door: 'grpc', contentType }, error);
  } else if (contentType.startsWith('application/connect+')) {
    const end = Buffer.from(JSON.stringify({ error: { code: grpcCodeNames[code], message } }));
    reply(exchange, 200, { 'content-type': contentType }, frameOf(end, endOfStreamFlag));
  } else sendConnectError(exchange, error, { 'content-type': 'application/json' });
}

/** https://connectrpc.com/docs/protocol#streaming-response */
const endOfStreamFlag = 2;
