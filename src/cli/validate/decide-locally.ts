import type { Verdict } from '../../event/verdict.ts';
import { acceptedVerdicts, createAcceptEvents } from '../../gate/accept/accept-events.ts';
import { createAdmission } from '../../gate/intake/admission.ts';
import type { IncomingBatch } from '../../gate/decode/incoming-batch.ts';
import type { Signals } from '../../observability/signals.ts';
import { createValidation, loadRegistry } from '../../validation/validation.ts';

/** Validates as a gate with these schemas would; stores nothing and asks nobody. */
export type ValidateLocally = (batch: IncomingBatch) => Promise<Verdict[]>;

/** Of `limits.event_bytes_max`. */
const eventBytesMax = 256 * 1024;

/** Hashes are made and thrown away. */
const hashKey = 'nothing that is hashed here is kept';

/** The gate's own path from the validating on. Throws a StartError when the schemas are not sound. */
export async function openValidate(schemasDir: string): Promise<ValidateLocally> {
  const { validate, redactRejected } = createValidation(await loadRegistry(schemasDir), {
    hashKey,
  });
  const never = (): never => {
    throw new Error('nothing is stored here');
  };
  const accept = createAcceptEvents({
    validate,
    redactRejected,
    arrivalHeaders: () => '',
    store: never,
    reject: never,
    readStored: never,
    admission: createAdmission({ inFlightEventsMax: Number.MAX_SAFE_INTEGER, waitMs: 0 }),
    // Nothing is counted of what is only validated.
    signals: {} as Signals,
    eventBytesMax,
  });
  const producer = { source: 'default', maySend: () => true, isCanary: false };
  const noTrace = { traceparent: '', tracestate: '' };
  const arrival = { producer, correlationId: '', ...noTrace, door: 'rest', contentType: '' };
  return (batch) => acceptedVerdicts(accept, { ...batch, validateOnly: true }, arrival);
}
