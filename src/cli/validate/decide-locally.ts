import { randomUUID } from 'node:crypto';

import { encodeRequestPart } from '../../event/stored-event.ts';
import { requestClock } from '../../event/time/event-time.ts';
import { timeText } from '../../event/time/time-text.ts';
import type { Verdict } from '../../event/verdict.ts';
import { validateEvents } from '../../gate/accept/decide-event.ts';
import type { IncomingBatch } from '../../gate/decode/incoming-batch.ts';
import { defaultSource } from '../../gate/intake/authenticate.ts';
import type { Enforcement } from '../../validation/modes.ts';
import { createValidation, loadRegistry } from '../../validation/validation.ts';

/** The verdicts that a gate with these schemas gives, in order. Stores and sends nothing. */
export type ValidateLocally = (batch: IncomingBatch) => Verdict[];

/** The settings of a gate that its verdicts depend on. */
export interface LocalRules {
  readonly enforcement: Enforcement;
  readonly eventBytesMax: number;
}

/** Hashes of personal data are made but not kept. */
const hashKey = 'nothing that is hashed here is kept';

/** Decides by the gate's own `decideEvent`. Throws a StartError when the schemas are not valid. */
export async function openValidate(
  schemasDir: string,
  { enforcement, eventBytesMax }: LocalRules,
): Promise<ValidateLocally> {
  const registry = await loadRegistry(schemasDir);
  const { validate, nameSent } = createValidation(registry, { hashKey, enforcement });
  const producer = { source: defaultSource, maySend: () => true, isCanary: false };
  // A gate gives each request without a correlation id a new one, which counts towards the size.
  const correlationId = randomUUID();
  return ({ events, context, sentAt, historical = false }) => {
    const timestampMs = Date.now();
    return validateEvents(
      {
        producer,
        validate,
        nameSent,
        eventBytesMax,
        timestampMs,
        clock: requestClock(timeText(timestampMs), timestampMs, sentAt, historical),
        requestPart: encodeRequestPart({ correlationId, traceparent: '', sentAt, historical }),
        batchContext: context,
      },
      events,
    );
  };
}
