import { useRef } from 'preact/hooks';

import type { Filters } from '../../navigation/address.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import { countOf, formatCount } from '../../parts/figures.ts';
import { useService } from '../../service/service.ts';
import { everyPage, walkPages } from '../../service/walk.ts';
import { deadFilter, deadKey } from './dead-filter.ts';
import { countDeadLetters } from './dead-reasons.tsx';

export function ReplayAll({ filters, onDone }: { filters: Filters; onDone: () => void }) {
  const service = useService();
  const counted = useRef(0n);
  return (
    <Act
      button="Replay matching…"
      title="Replay all dead letters that match the filters"
      needs="operator"
      text="Each event goes again to the destination that did not take it, under the same event id."
      formKey={deadKey(filters)}
      plan={async (signal) => {
        const { count, reasons, upTo } = await countDeadLetters(service, filters, signal);
        counted.current = upTo;
        return {
          facts: [
            ['Would be replayed', countOf(count, 'dead letter')],
            ...reasons.slice(0, 5).map(([reason, each]) => [formatCount(each), reason] as const),
          ],
          note:
            count > 0
              ? 'What the destination refuses again becomes a dead letter again.'
              : undefined,
          confirm: count === 0 ? undefined : `Replay ${countOf(count, 'dead letter')}`,
        };
      }}
      run={async (_why, progress) => {
        let replayed = 0;
        let others = 0;
        let removed = 0;
        const { signal } = new AbortController();
        const request = { ...deadFilter(filters), sequenceMax: counted.current };
        await walkPages(
          (pageToken) => service.deadLetters.replayDeadLetters({ ...request, pageToken }),
          {
            signal,
            pagesMax: everyPage,
            onPage: ({ results }) => {
              replayed += results.filter(({ code }) => code === '').length;
              removed += results.filter(({ code }) => code === 'destination_not_found').length;
              others += results.filter(({ code }) => code.startsWith('dead_letter_')).length;
              progress(`${countOf(replayed, 'event')} replayed`);
            },
          },
        );
        return (
          <p>
            {countOf(replayed, 'event')} replayed
            {others > 0 && `, ${formatCount(others)} taken by another operator`}
            {removed > 0 &&
              `, ${formatCount(removed)} of a destination that was removed, so that nothing would deliver them`}
            .
          </p>
        );
      }}
      onDone={onDone}
    />
  );
}
