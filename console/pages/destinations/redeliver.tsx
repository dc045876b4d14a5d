import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { useEffect, useState } from 'preact/hooks';

import type { CountRedeliveryResponse } from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { Act, type Plan } from '../../parts/dialogs/act.tsx';
import { countOf, formatCount } from '../../parts/figures.ts';
import { formatTime, msOf } from '../../parts/time.tsx';
import { useService } from '../../service/service.ts';
import { walkPages } from '../../service/walk.ts';

/** What is typed. Times are those of `datetime-local`, in the zone of the viewer. */
interface Typed {
  readonly since: string;
  readonly until: string;
  readonly eventName: string;
  readonly source: string;
  readonly user: string;
  readonly missing: boolean;
}

const dayMs = 86_400_000;
const typingMs = 500;
const rate = 1_000;

export interface RedeliverProps {
  readonly destination: string;
  readonly onDone: () => void;
}

/** Sends events of the log to a destination again, after counting them. */
export function Redeliver({ destination, onDone }: RedeliverProps) {
  const { redeliveries } = useService();
  const [typed, setTyped] = useState<Typed>(() => ({
    since: localText(Date.now() - dayMs),
    until: '',
    eventName: '',
    source: '',
    user: '',
    missing: false,
  }));
  const settled = useSettled(typed);
  const selection = { destination, ...selectionOf(settled) };
  return (
    <Act
      button="Redeliver…"
      title={`Send events to ${destination} again`}
      needs="operator"
      text="Events keep their ids, so a destination that refuses second copies keeps one of each."
      form={<RedeliverForm typed={typed} onChange={setTyped} />}
      formKey={JSON.stringify(settled)}
      plan={async (signal) => {
        const pages: CountRedeliveryResponse[] = [];
        await walkPages(
          (pageToken) => redeliveries.countRedelivery({ selection, pageToken }, { signal }),
          {
            signal,
            onPage: (page) => void pages.push(page),
          },
        );
        return planOf(pages);
      }}
      run={async () => {
        const { redelivery } = await redeliveries.startRedelivery({ selection, rate });
        return (
          <p>
            Started, with at most {countOf(rate, 'event')} a second. This page shows how far it is
            {redelivery === undefined ? '' : ` (${redelivery.id})`}.
          </p>
        );
      }}
      onDone={onDone}
    />
  );
}

function RedeliverForm({ typed, onChange }: { typed: Typed; onChange: (typed: Typed) => void }) {
  const attributes = (name: Exclude<keyof Typed, 'missing'>) => ({
    value: typed[name],
    onInput: (event: { currentTarget: { value: string } }) =>
      onChange({ ...typed, [name]: event.currentTarget.value }),
  });
  const text = (name: 'eventName' | 'source' | 'user', label: string, hint: string) => (
    <label class="field">
      <span>{label}</span>
      <input placeholder={hint} {...attributes(name)} />
    </label>
  );
  const time = (name: 'since' | 'until', label: string) => (
    <label class="field">
      <span>{label}</span>
      <input type="datetime-local" {...attributes(name)} />
    </label>
  );
  return (
    <>
      <div class="columns">
        {time('since', 'Stored since')}
        {time('until', 'Until (empty: now)')}
        {text('eventName', 'Event', 'all, or order_*')}
        {text('source', 'Source', 'all, or shop-*')}
        {text('user', 'Person', 'user or anonymous id')}
      </div>
      <label class="field check">
        <input
          type="checkbox"
          checked={typed.missing}
          onChange={(event) => onChange({ ...typed, missing: event.currentTarget.checked })}
        />
        <span>Only what the destination does not have (it is asked)</span>
      </label>
    </>
  );
}

function planOf(pages: readonly CountRedeliveryResponse[]): Plan {
  const names = new Map<string, number>();
  for (const { eventName, count } of pages.flatMap(({ counts }) => counts)) {
    names.set(eventName, (names.get(eventName) ?? 0) + Number(count));
  }
  const sum = (of: (page: CountRedeliveryResponse) => bigint): number =>
    pages.reduce((all, page) => all + Number(of(page)), 0);
  const all = [...names.values()].reduce((total, each) => total + each, 0);
  const last = pages.at(-1);
  const oldest = msOf(last?.oldest);
  const byName = [...names].map(([name, count]) => `${name} ${formatCount(count)}`).join(', ');
  return {
    facts: [
      ['Would be sent', countOf(all, 'event')],
      ['By name', byName],
      ['Still wait for their first delivery', leftOut(sum(({ waiting }) => waiting))],
      ['Dead letters', leftOut(sum(({ dead }) => dead))],
      ['A second copy', last?.secondCopies],
    ],
    note:
      pages.some(({ reachesBeyondLog }) => reachesBeyondLog) && oldest !== undefined
        ? `The log begins at ${formatTime(oldest, 'local')}: what is older is deleted and cannot be sent.`
        : undefined,
    confirm: all === 0 ? undefined : `Send ${countOf(all, 'event')} again`,
  };
}

function leftOut(count: number): string | undefined {
  return count === 0 ? undefined : `${countOf(count, 'event')}, left out`;
}

function selectionOf({ since, until, ...rest }: Typed) {
  const sinceMs = Date.parse(since);
  const untilMs = Date.parse(until);
  return {
    ...rest,
    ...(!Number.isNaN(sinceMs) && { since: timestampFromMs(sinceMs) }),
    ...(!Number.isNaN(untilMs) && { until: timestampFromMs(untilMs) }),
  };
}

function localText(ms: number): string {
  return formatTime(ms, 'local').slice(0, 16).replace(' ', 'T');
}

/** The value a moment after its last change: each one is counted by the service. */
function useSettled<Value>(value: Value): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), typingMs);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
