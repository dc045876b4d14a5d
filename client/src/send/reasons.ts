import type { VerdictError } from '../transport/transport.ts';

/** For a verdict without a reason. */
export const noReason: VerdictError = {
  code: 'internal',
  message: 'The gate gave no reason.',
  violations: [],
};

/** For an event that never reached the gate. */
export function refusedBeforeGate(message: string): VerdictError {
  return { code: 'refused_before_gate', message, violations: [] };
}
