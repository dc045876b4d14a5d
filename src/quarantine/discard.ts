import { ServiceError } from '../errors.ts';
import type { WalkPage } from '../jetstream/read/walk-pages.ts';
import type { InTurn } from './in-turn.ts';
import type { Discard } from './outcome-note.ts';
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
  const record = async (found: readonly Found[], { why, dryRun }: DiscardRequest) => {
    if (dryRun) return;
    const discard: Discard = { status: 'discarded', why };
    await marks.write(new Map(found.map(({ entry }) => [entry.sequence, discard])));
  };
  return {
    page: (filter, size, pageToken, request) =>
      inTurn(async () => {
        const open = { ...filter, withReplayed: false, withDiscarded: false };
        const page = await rejected.page(open, size, pageToken);
        await record(page.items, request);
        return page;
      }),
    one: (found, request) =>
      inTurn(async () => {
        const { sequence } = found.entry;
        const current = (await rejected.get(sequence)) ?? found;
        const settled = settledText(current);
        if (settled !== undefined) {
          throw new ServiceError('rejected_settled', `Event ${sequence} ${settled}`);
        }
        await record([current], request);
      }),
  };
}

function settledText({ discard, replay }: Found): string | undefined {
  if (discard !== undefined) return `is discarded already: ${discard.why}`;
  if (replay === undefined || replay.status === 'rejected') return undefined;
  return `is stored: ${replay.storedSequence} in EVENTS.`;
}
