import { ServiceError } from '../errors.ts';
import type { WalkPage } from '../jetstream/read/walk/walk-pages.ts';
import type { InTurn } from './in-turn.ts';
import type { Found, RejectedEvents, RejectedFilter } from './rejected-events.ts';
import type { ReplayMarks } from './replay-marks.ts';

export interface DiscardRequest {
  /** Kept, and shown beside the event. */
  readonly why: string;
  /** Only find the events: write nothing. */
  readonly dryRun: boolean;
}

/** Gives rejected events up. They are deleted later (cleanup.ts); until then they are shown. */
export interface DiscardEvents {
  page(
    filter: RejectedFilter,
    size: number,
    pageToken: string,
    request: DiscardRequest,
  ): Promise<WalkPage<Found>>;
  /** Throws a ServiceError `rejected_settled` if the event is stored or discarded already. */
  one(found: Found, request: DiscardRequest): Promise<void>;
}

export interface DiscardOptions {
  readonly rejected: RejectedEvents;
  readonly marks: ReplayMarks;
  /** Shared with replays: an event is not discarded while it is replayed. */
  readonly inTurn: InTurn;
}

export function createDiscard({ rejected, marks, inTurn }: DiscardOptions): DiscardEvents {
  /** Resolves to the events that another process has settled meanwhile, as they are now. */
  const record = async (found: readonly Found[], { why, dryRun }: DiscardRequest) => {
    if (dryRun) return [];
    const sequences = found.map(({ entry }) => entry.sequence);
    const settled = await Promise.all((await marks.discard(sequences, why)).map(rejected.get));
    // A note whose acknowledgement was lost, and that was sent again, looks like one of another.
    return settled.filter((one): one is Found => one !== undefined && one.discard?.why !== why);
  };
  return {
    page: (filter, size, pageToken, request) =>
      inTurn(async () => {
        const open = { ...filter, withReplayed: false, withDiscarded: false };
        const page = await rejected.page(open, size, pageToken);
        const others = await record(page.items, request);
        const settled = new Set(others.map((one) => one.entry.sequence));
        const items = page.items.filter(({ entry }) => !settled.has(entry.sequence));
        return { ...page, items };
      }),
    one: (found, request) =>
      inTurn(async () => {
        const current = (await rejected.get(found.entry.sequence)) ?? found;
        refuseSettled(current);
        const [settled] = await record([current], request);
        if (settled !== undefined) refuseSettled(settled);
      }),
  };
}

function refuseSettled(found: Found): void {
  const settled = settledText(found);
  if (settled === undefined) return;
  throw new ServiceError('rejected_settled', `Event ${found.entry.sequence} ${settled}`);
}

function settledText({ discard, replay }: Found): string | undefined {
  if (discard !== undefined) return `is discarded already: ${discard.why}`;
  if (replay === undefined || replay.status === 'rejected') return undefined;
  return `is stored: ${replay.storedSequence} in EVENTS.`;
}
