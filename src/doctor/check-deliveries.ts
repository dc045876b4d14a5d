import { spanText } from '../event/time/span-text.ts';
import type { CheckFindings } from './finding.ts';

/** What is known of a destination. */
export interface DeliveryFacts {
  readonly name: string;
  readonly state:
    | 'running'
    | 'parked'
    | 'paused'
    | 'disabled'
    | 'stopped'
    | 'elsewhere'
    | 'removed';
  /** Without characters that a terminal would take as commands, as is `pausedBy`. */
  readonly reason: string;
  /** Empty unless it is paused. */
  readonly pausedBy: string;
  /** Since when it has been in this state, as a Unix time in ms. Undefined if unknown. */
  readonly sinceMs: number | undefined;
  readonly waiting: bigint;
  readonly dead: bigint;
  /** When the oldest waiting event was stored, as a Unix time in ms. Undefined if no event waits. */
  readonly oldestWaitingMs: number | undefined;
}

/** The status of a destination, and how far it is behind. */
export function checkDelivery(findings: CheckFindings, facts: DeliveryFacts): void {
  checkState(findings, facts);
  checkLag(findings, facts);
}

const lagMsMax = 3_600_000;

function checkState(
  findings: CheckFindings,
  { name, state, reason: why, pausedBy, sinceMs, waiting, dead }: DeliveryFacts,
): void {
  const waits = `${waiting.toLocaleString('en')} events wait`;
  if (state === 'disabled') {
    findings.failure(
      `${name} has said that it wants nothing more (${why}), and ${waits}`,
      'Fix it there, or remove it from the configuration; then restart the workers.',
    );
  } else if (state === 'parked') {
    findings.warning(
      `${name} is parked (${why}), and ${waits}`,
      why.includes('address_refused')
        ? `Set allow_private_addresses: true in destinations.${name} if that is meant, or fix its address.`
        : 'See what is wrong there: it is tried by itself.',
    );
  } else if (state === 'paused') {
    findings.warning(
      `${name} has been paused ${sinceText(sinceMs)}by ${pausedBy || 'an operator'} (${why}), and ${waits}`,
      `Resume it when the reason is gone: headgate destinations resume ${name}`,
    );
  } else if (state === 'stopped') {
    findings.warning(`the worker of ${name} has stopped, and ${waits}`, 'Start the service again.');
  } else if (state === 'removed') {
    findings.warning(
      `no configuration names ${name}, and the log keeps every event for it that it was not given (${waits})`,
      `Put it back, or: headgate destinations remove ${name}`,
    );
  }
  if (dead > 0n) {
    findings.warning(
      `${name} has ${dead.toLocaleString('en')} dead letters`,
      `headgate dead list --destination ${name} shows why; fix it, and replay them.`,
    );
  }
}

/** In UTC: `since 2026-11-28 14:05 UTC `. */
function sinceText(sinceMs: number | undefined): string {
  if (sinceMs === undefined) return '';
  return `since ${new Date(sinceMs).toISOString().slice(0, 16).replace('T', ' ')} UTC `;
}

function checkLag(
  findings: CheckFindings,
  { name, state, oldestWaitingMs, waiting }: DeliveryFacts,
): void {
  const lagMs = oldestWaitingMs === undefined ? 0 : Date.now() - oldestWaitingMs;
  if (lagMs > lagMsMax) {
    findings.warning(
      `${name} is ${spanText(lagMs)} behind, ${waiting.toLocaleString('en')} events`,
      'See headgate destinations; more workers help where it is slow and not away.',
    );
  } else if (state === 'running' || state === 'elsewhere') {
    findings.ok(`${name} is up to date or nearly so: ${waiting.toLocaleString('en')} events wait`);
  }
}
