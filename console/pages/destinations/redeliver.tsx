import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { useContext, useRef, useState } from 'preact/hooks';

import type { CountRedeliveryResponse } from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { Act, type Plan } from '../../parts/dialogs/act.tsx';
import { countOf, formatCount } from '../../parts/figures.ts';
import {
  dayBegin,
  fieldOfTime,
  msOf,
  timeOfField,
  useTimeText,
  ZoneContext,
} from '../../parts/time.tsx';
import { useService } from '../../service/service.ts';
import { everyPage, walkPages } from '../../service/walk.ts';
import { serviceNowMs } from '../../service/clock.ts';

/** What is typed. Times are Unix times in ms, shown in the zone that the viewer has chosen. */
interface Typed {
  readonly since: number | undefined;
  readonly until: number | undefined;
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
  /** Whether it can be asked what it holds. */
  readonly canBeAsked: boolean;
  readonly onDone: () => void;
}

/** Sends events of the log to a destination again, after counting them. */
export function Redeliver({ destination, canBeAsked, onDone }: RedeliverProps) {
  const { redeliveries } = useService();
  const timeText = useTimeText();
  const counted = useRef(0n);
  const [typed, setTyped] = useState<Typed>(() => ({
    since: minuteOf(serviceNowMs() - dayMs),
    until: undefined,
    eventName: '',
    source: '',
    user: '',
    missing: false,
  }));
  const selection = { destination, ...selectionOf(typed) };
  return (
    <Act
      button="Redeliver…"
      title={`Send events to ${destination} again`}
      needs="operator"
      text="Events keep their ids, so a destination that refuses second copies keeps one of each."
      form={<RedeliverForm typed={typed} canBeAsked={canBeAsked} onChange={setTyped} />}
      formKey={JSON.stringify(typed)}
      plan={async (signal) => {
        // Each change is counted by the service: not each key.
        await new Promise((resolve) => setTimeout(resolve, typingMs));
        const pages: CountRedeliveryResponse[] = [];
        await walkPages(
          (pageToken) => redeliveries.countRedelivery({ selection, pageToken }, { signal }),
          {
            signal,
            pagesMax: everyPage,
            onPage: (page) => void pages.push(page),
          },
        );
        counted.current = pages[0]?.walk?.upTo ?? 0n;
        return planOf(pages, timeText);
      }}
      run={async () => {
        const { redelivery } = await redeliveries.startRedelivery({
          selection,
          rate,
          sequenceMax: counted.current,
        });
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

interface RedeliverFormProps {
  readonly typed: Typed;
  readonly canBeAsked: boolean;
  readonly onChange: (typed: Typed) => void;
}

function RedeliverForm({ typed, canBeAsked, onChange }: RedeliverFormProps) {
  const zone = useContext(ZoneContext);
  const text = (name: 'eventName' | 'source' | 'user', label: string, hint: string) => (
    <label class="field">
      <span>{label}</span>
      <input
        placeholder={hint}
        value={typed[name]}
        onInput={(event) => onChange({ ...typed, [name]: event.currentTarget.value })}
      />
    </label>
  );
  const time = (name: 'since' | 'until', label: string) => (
    <label class="field">
      <span>{label}</span>
      <input
        type="datetime-local"
        value={typed[name] === undefined ? '' : fieldOfTime(typed[name], zone)}
        onInput={(event) =>
          onChange({ ...typed, [name]: timeOfField(event.currentTarget.value, zone) })
        }
      />
    </label>
  );
  const nowMs = serviceNowMs();
  const today = dayBegin(nowMs, 0, zone);
  const spans = [
    ['Last hour', minuteOf(nowMs - dayMs / 24), undefined],
    ['Today', today, undefined],
    ['Yesterday', dayBegin(nowMs, 1, zone), today],
    ['Last 24 hours', minuteOf(nowMs - dayMs), undefined],
  ] as const;
  return (
    <>
      <div class="acts" role="group" aria-label="Time range">
        {spans.map(([words, since, until]) => (
          <button
            key={words}
            type="button"
            class="small"
            aria-pressed={typed.since === since && typed.until === until}
            onClick={() => onChange({ ...typed, since, until })}
          >
            {words}
          </button>
        ))}
      </div>
      <div class="columns">
        {time('since', `Stored since (${zone === 'utc' ? 'UTC' : 'local time'})`)}
        {time('until', 'Until (empty: now)')}
        {text('eventName', 'Event', 'all, or order_*')}
        {text('source', 'Source', 'all, or shop-*')}
        {text('user', 'Person', 'user or anonymous id')}
      </div>
      {canBeAsked && (
        <label class="field check">
          <input
            type="checkbox"
            checked={typed.missing}
            onChange={(event) => onChange({ ...typed, missing: event.currentTarget.checked })}
          />
          <span>Only what the destination does not have (it is asked)</span>
        </label>
      )}
    </>
  );
}

function planOf(pages: readonly CountRedeliveryResponse[], timeText: (ms: number) => string): Plan {
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
        ? `The log begins at ${timeText(oldest)}: what is older is deleted and cannot be sent.`
        : undefined,
    confirm: all === 0 ? undefined : `Send ${countOf(all, 'event')} again`,
  };
}

function leftOut(count: number): string | undefined {
  return count === 0 ? undefined : `${countOf(count, 'event')}, left out`;
}

function selectionOf({ since, until, ...rest }: Typed) {
  return {
    ...rest,
    ...(since !== undefined && { since: timestampFromMs(since) }),
    ...(until !== undefined && { until: timestampFromMs(until) }),
  };
}

/** Fields of times have no seconds. */
function minuteOf(ms: number): number {
  return ms - (ms % 60_000);
}
