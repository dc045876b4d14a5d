import { ServiceError } from '../../src/errors.ts';
import type { GateContext } from '../../src/gate/gate-context.ts';
import { createAuthenticate } from '../../src/gate/intake/authenticate.ts';
import { createCallers } from '../../src/gate/intake/callers.ts';
import { createAllowances } from '../../src/gate/limits/allowances.ts';
import { createLocalLimiter } from '../../src/gate/limits/source-limiter.ts';
import { createBodyReader } from '../../src/gate/intake/read-body.ts';
import { createTurnBudget } from '../../src/gate/intake/turn-budget.ts';
import type { Signals } from '../../src/observability/signals.ts';

/**
 * A gate without a log: any caller may send, and no event can be stored. Calls `onAnswered` for
 * each request that an endpoint has answered.
 */
export function createGateContext(requestBytesMax: number, onAnswered: () => void): GateContext {
  const limits = {
    requestBytesMax,
    batchEventsMax: 1000,
    eventBytesMax: requestBytesMax,
    inFlightEventsMax: 20_000,
    requestTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    connectionsMax: 10_000,
  };
  const bufferedBytesMax = 32 * requestBytesMax;
  const signals = { requestAnswered: onAnswered, requestFailed: () => {} };
  return {
    authenticate: createAuthenticate('off', []),
    accept: (_batch, _arrival, _onVerdicts, onError) =>
      onError(new ServiceError('overloaded', 'Nothing is stored here.')),
    bodies: createBodyReader(limits),
    callers: createCallers({ ...limits, auth: 'off', trustedProxies: [], limited: () => {} }),
    limiter: createLocalLimiter(createAllowances()),
    turns: createTurnBudget({ turnBytes: 128 * 1024, waitingBytesMax: bufferedBytesMax }),
    limits,
    signals: signals as unknown as Signals,
    contracts: () => ({ revision: '', headerJson: '{}', events: [], isSuspended: false }),
    limitsOf: () => undefined,
  };
}
