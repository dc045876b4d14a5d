import type { Filters } from '../../navigation/address.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import { countOf, formatCount } from '../../parts/figures.ts';
import { EventResult_Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import type { ReplayResult } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { useRef } from 'preact/hooks';
import { useService } from '../../service/service.ts';
import { everyPage, walkPages } from '../../service/walk.ts';
import { refusedFilter } from './refused-filter.ts';

/** Acts on all events that match the filters. */
export function BulkActs({ filters, onDone }: { filters: Filters; onDone: () => void }) {
  return (
    <div class="acts">
      <ReplayAll filters={filters} onDone={onDone} />
      <DiscardAll filters={filters} onDone={onDone} />
    </div>
  );
}

interface BulkProps {
  readonly filters: Filters;
  readonly onDone: () => void;
}

function ReplayAll({ filters, onDone }: BulkProps) {
  const { rejected } = useService();
  const counted = useRef(0n);
  const replay = async (dryRun: boolean, signal: AbortSignal, onTally: (tally: Tally) => void) => {
    const tally = newTally();
    const filter = waiting(filters, dryRun ? 0n : counted.current);
    await walkPages(
      (pageToken) =>
        rejected.replayRejected({ filter, pageSize: 500, pageToken, dryRun }, { signal }),
      {
        signal,
        pagesMax: everyPage,
        onPage: ({ results, walk }) => {
          if (dryRun) counted.current = walk?.upTo ?? 0n;
          addTo(tally, results);
          onTally(tally);
        },
      },
    );
    return tally;
  };
  return (
    <Act
      button="Replay matching…"
      title="Replay all events that match the filters"
      needs="operator"
      text="Each event is validated again, as the endpoints do, and stored once if it now keeps its contract."
      formKey={filters.text}
      plan={async (signal) => {
        const tally = await replay(true, signal, () => {});
        return {
          facts: factsOf(tally, 'Would be stored', 'Would be refused again'),
          note: tally.accepted === 0 ? nothingPasses(tally) : undefined,
          confirm: tally.accepted === 0 ? undefined : `Replay ${countOf(tally.accepted, 'event')}`,
        };
      }}
      run={async (_why, progress) => {
        const tally = await replay(false, new AbortController().signal, ({ all }) =>
          progress(`${countOf(all, 'event')} replayed`),
        );
        return <ReplayOutcome of={tally} />;
      }}
      onDone={onDone}
    />
  );
}

function DiscardAll({ filters, onDone }: BulkProps) {
  const { rejected } = useService();
  const counted = useRef(0n);
  const discard = async (
    why: string,
    dryRun: boolean,
    signal: AbortSignal,
    onCount: (count: number) => void,
  ) => {
    let count = 0;
    const filter = waiting(filters, dryRun ? 0n : counted.current);
    await walkPages(
      (pageToken) =>
        rejected.discardRejected({ filter, pageSize: 500, pageToken, dryRun, why }, { signal }),
      {
        signal,
        pagesMax: everyPage,
        onPage: ({ sequences, walk }) => {
          if (dryRun) counted.current = walk?.upTo ?? 0n;
          count += sequences.length;
          onCount(count);
        },
      },
    );
    return count;
  };
  return (
    <Act
      button="Discard matching…"
      title="Discard all events that match the filters"
      needs="operator"
      isDanger
      asksWhy
      text="Discarded events are not replayed any more, and are deleted later. This cannot be undone."
      formKey={filters.text}
      plan={async (signal) => {
        const count = await discard('dry run', true, signal, () => {});
        return {
          facts: [['Would be discarded', countOf(count, 'event')]],
          confirm: count === 0 ? undefined : `Discard ${countOf(count, 'event')}`,
        };
      }}
      run={async (why, progress) => {
        const count = await discard(why, false, new AbortController().signal, (count) =>
          progress(`${countOf(count, 'event')} discarded`),
        );
        return <p>{countOf(count, 'event')} discarded.</p>;
      }}
      onDone={onDone}
    />
  );
}

/**
 * Replayed and discarded events stay as they are, also where the page shows them. `sequenceMax`: what was refused
 * after the viewer was shown a number stays, too; 0 for all.
 */
function waiting(filters: Filters, sequenceMax: bigint) {
  return { ...refusedFilter(filters), withReplayed: false, withDiscarded: false, sequenceMax };
}

export interface Tally {
  all: number;
  accepted: number;
  duplicate: number;
  rejected: number;
  retry: number;
  /** Of those that were refused again. */
  readonly codes: Map<string, number>;
}

export function newTally(): Tally {
  return { all: 0, accepted: 0, duplicate: 0, rejected: 0, retry: 0, codes: new Map() };
}

export function addTo(tally: Tally, results: readonly ReplayResult[]): void {
  for (const { status, error } of results) {
    tally.all += 1;
    if (status === EventResult_Status.ACCEPTED) tally.accepted += 1;
    else if (status === EventResult_Status.DUPLICATE) tally.duplicate += 1;
    else {
      if (status === EventResult_Status.REJECTED) tally.rejected += 1;
      else tally.retry += 1;
      const code = error?.code ?? 'unknown';
      tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1);
    }
  }
}

function factsOf(tally: Tally, stored: string, refused: string) {
  const codes = [...tally.codes].map(([code, count]) => `${code} ${formatCount(count)}`);
  return [
    ['Events', formatCount(tally.all)],
    [stored, formatCount(tally.accepted)],
    ['Stored before', tally.duplicate === 0 ? undefined : formatCount(tally.duplicate)],
    [refused, formatCount(tally.rejected)],
    ['Cannot be replayed as they are', tally.retry === 0 ? undefined : formatCount(tally.retry)],
    ['Reasons', codes.join(', ')],
  ] as const;
}

function nothingPasses({ all }: Tally): string {
  if (all === 0) return 'No refused event matches the filters.';
  return 'None of them keeps its contract. Fix the events one by one, or change the contract first.';
}

export function ReplayOutcome({ of }: { readonly of: Tally }) {
  return (
    <p>
      {countOf(of.accepted, 'event')} stored
      {of.duplicate > 0 && `, ${formatCount(of.duplicate)} stored before`}
      {of.rejected > 0 && `, ${formatCount(of.rejected)} refused again`}
      {of.retry > 0 && `, ${formatCount(of.retry)} not replayed: try again`}.
    </p>
  );
}
