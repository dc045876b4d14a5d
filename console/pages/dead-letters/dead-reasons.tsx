import type { Filters } from '../../navigation/address.ts';
import { formatCount } from '../../parts/figures.ts';
import { Shown } from '../../parts/states.tsx';
import { useLoad } from '../../service/load.ts';
import { useService, type Service } from '../../service/service.ts';
import { everyPage, walkPages } from '../../service/walk.ts';
import { deadFilter, deadKey } from './dead-filter.ts';

const shownMax = 8;

/** Why destinations did not take events, the most frequent reason first. */
export function DeadReasons({
  filters,
  turn,
}: {
  readonly filters: Filters;
  readonly turn: number;
}) {
  const service = useService();
  const counts = useLoad(`${deadKey(filters)}\n${turn}`, (signal) =>
    countDeadLetters(service, filters, signal),
  );
  return (
    <Shown of={counts} what="Counting reasons">
      {({ reasons }) =>
        reasons.length === 0 ? null : (
          <table class="plain" aria-label="Reasons">
            <thead>
              <tr>
                <th scope="col">Reason</th>
                <th scope="col" class="number">
                  Dead letters
                </th>
              </tr>
            </thead>
            <tbody>
              {reasons.slice(0, shownMax).map(([reason, count]) => (
                <tr key={reason}>
                  <td>{reason}</td>
                  <td class="number">{formatCount(count)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )
      }
    </Shown>
  );
}

export interface DeadCounts {
  readonly count: number;
  /** The newest entry when it was counted. */
  readonly upTo: bigint;
  readonly reasons: readonly (readonly [reason: string, count: number])[];
}

/** All that match the filters of the page. The service counts in parts. */
export async function countDeadLetters(
  { deadLetters }: Service,
  filters: Filters,
  signal: AbortSignal,
): Promise<DeadCounts> {
  let count = 0;
  let upTo = 0n;
  const reasons = new Map<string, number>();
  const request = deadFilter(filters);
  await walkPages(
    (pageToken) => deadLetters.countDeadLetters({ ...request, pageToken }, { signal }),
    {
      signal,
      pagesMax: everyPage,
      onPage: (page) => {
        count += Number(page.count);
        upTo = page.walk?.upTo ?? 0n;
        for (const each of page.reasons) {
          reasons.set(each.reason, (reasons.get(each.reason) ?? 0) + Number(each.count));
        }
      },
    },
  );
  return { count, upTo, reasons: [...reasons].toSorted(([, a], [, b]) => b - a) };
}
