import { linkTo, type Filters } from '../../navigation/address.ts';
import { formatCount } from '../../parts/figures.ts';
import { Shown } from '../../parts/states.tsx';
import { msOf, Time } from '../../parts/time.tsx';
import type { RejectedCount } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { walkPages } from '../../service/walk.ts';
import { filterKey, refusedFilter } from './refused-filter.ts';

const shownMax = 12;

/** Why events were refused: one line for each reason, event and source, the most frequent first. */
export function Reasons({ filters, turn }: { readonly filters: Filters; readonly turn: number }) {
  const { rejected } = useService();
  const counts = useLoad(`${filterKey(filters)} ${turn}`, async (signal) => {
    const found: RejectedCount[] = [];
    await walkPages(
      (pageToken) =>
        rejected.countRejected({ filter: refusedFilter(filters), pageToken }, { signal }),
      { signal, onPage: (page) => void found.push(...page.counts) },
    );
    return sumUp(found);
  });
  return (
    <Shown of={counts} what="Counting reasons">
      {(groups) =>
        groups.length === 0 ? null : (
          <table class="plain reasons" aria-label="Reasons">
            <thead>
              <tr>
                <th scope="col">Reason</th>
                <th scope="col">Event</th>
                <th scope="col">Source</th>
                <th scope="col" class="number">
                  Events
                </th>
                <th scope="col" class="wide">
                  Last
                </th>
              </tr>
            </thead>
            <tbody>
              {groups.slice(0, shownMax).map((group) => (
                <ReasonRow key={`${group.code} ${group.eventName} ${group.source}`} of={group} />
              ))}
            </tbody>
            {groups.length > shownMax && (
              <caption>
                {formatCount(groups.length - shownMax)} more: set a filter to see them.
              </caption>
            )}
          </table>
        )
      }
    </Shown>
  );
}

function ReasonRow({ of }: { readonly of: RejectedCount }) {
  const href = linkTo('/refused', { code: of.code, event: of.eventName, source: of.source });
  return (
    <tr>
      <td>
        <a href={href}>{of.code}</a>
      </td>
      <td>{of.eventName || '(no name)'}</td>
      <td>{of.source}</td>
      <td class="number">{formatCount(of.count)}</td>
      <td class="wide">
        <Time at={of.lastAt} />
      </td>
    </tr>
  );
}

/** The service counts page by page; the same kind can be on several. */
export function sumUp(counts: readonly RejectedCount[]): RejectedCount[] {
  const groups = new Map<string, RejectedCount>();
  for (const each of counts) {
    const key = JSON.stringify([each.code, each.eventName, each.source]);
    const before = groups.get(key);
    if (before === undefined) groups.set(key, { ...each });
    else {
      before.count += each.count;
      if ((msOf(each.lastAt) ?? 0) > (msOf(before.lastAt) ?? 0)) before.lastAt = each.lastAt!;
    }
  }
  return [...groups.values()].toSorted((a, b) => Number(b.count - a.count));
}
