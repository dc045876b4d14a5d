import { randomUUID } from 'node:crypto';

import type { HttpCall } from '../http/http-call.ts';
import { correlationIdOf } from '../gate/exchange.ts';

/** The test of each request in flight, by its correlation id, which the gate passes on with each event. */
export interface TestIds {
  /** Notes the header `x-headgate-test-id` of a request until it is answered. */
  note(call: HttpCall): void;
  of(correlationId: string): string | undefined;
}

export function createTestIds(): TestIds {
  const inFlight = new Map<string, string>();
  return {
    note: (call) => {
      const testId = call.headers['x-headgate-test-id'];
      if (typeof testId !== 'string' || testId === '') return;
      let correlationId = correlationIdOf(call.headers);
      // Two tests at once with one correlation id: only one of them can keep it.
      if (inFlight.has(correlationId)) correlationId = randomUUID();
      call.headers['x-correlation-id'] = correlationId;
      inFlight.set(correlationId, testId);
      call.whenAnswered(() => inFlight.delete(correlationId));
    },
    of: (correlationId) => inFlight.get(correlationId),
  };
}
