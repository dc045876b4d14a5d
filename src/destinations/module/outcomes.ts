/**
 * Describes what is wrong with a module's outcomes, for its author. Undefined if they are valid.
 * Types do not help here, because the module may be JavaScript.
 */
export function faultOfOutcomes(outcomes: unknown, count: number): string | undefined {
  if (!Array.isArray(outcomes)) {
    return 'answered no list of outcomes: answer one for each event, in their order';
  }
  if (outcomes.length !== count) {
    return `answered ${outcomes.length} outcomes for ${count} events: answer one for each, in their order`;
  }
  // By index: a list with holes has fewer entries than its length says.
  for (let index = 0; index < count; index += 1) {
    const fault = faultOf(outcomes[index]);
    if (fault !== undefined) return `answered outcome ${index + 1} of ${count} wrongly: ${fault}`;
  }
  return undefined;
}

function faultOf(outcome: unknown): string | undefined {
  if (typeof outcome !== 'object' || outcome === null) return 'it is no object';
  const { kind, fault, reason, status, notBeforeMs } = outcome as Record<string, unknown>;
  if (kind === 'delivered') return undefined;
  if (kind !== 'retry' && kind !== 'dead') return 'its kind is neither delivered, retry nor dead';
  if (typeof reason !== 'string' || reason === '')
    return `its kind is ${kind}, and it has no reason`;
  if (status !== undefined && typeof status !== 'string') return 'its status is no text';
  if (kind === 'dead') return undefined;
  if (fault !== 'destination' && fault !== 'event' && fault !== 'source')
    return 'its fault is neither destination, event nor source';
  const isWait =
    notBeforeMs === undefined || (Number.isFinite(notBeforeMs) && Number(notBeforeMs) >= 0);
  return isWait ? undefined : 'its notBeforeMs is no number of milliseconds';
}
