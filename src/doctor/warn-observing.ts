import { observingText } from '../observability/signals.ts';
import type { CheckFindings } from './finding.ts';

/** There are no contracts yet. */
export function warnObserving(findings: CheckFindings): void {
  findings.warning(
    observingText,
    'Write contracts once you have seen your events: "headgate schemas infer" begins with what came.',
  );
}
