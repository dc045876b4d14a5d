import type { HourlyCount } from '../../../gen/headgate/v1/signal_service_pb.ts';
import { formatChange, formatCount, formatLarge } from '../../parts/figures.ts';
import { Sparkline } from '../../parts/sparkline.tsx';
import { signalHours, type Signal } from './hours.ts';
import { serviceNowMs } from '../../service/clock.ts';

export interface SignalCardProps {
  readonly title: string;
  readonly hours: readonly HourlyCount[];
  readonly signal: Signal;
  readonly tone: 'accent' | 'bad';
  /** The events of the running hour, and those of the day. */
  readonly to: string;
  readonly toDay: string;
}

/** One signal: this hour, the hour before against the same hour last week, and the shape of the day. */
export function SignalCard({ title, hours, signal, tone, to, toDay }: SignalCardProps) {
  const of = signalHours(hours, signal, serviceNowMs());
  const change = formatChange(of.lastHour, of.lastHourBefore);
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      <p class="figure">
        <a href={to} class={tone === 'bad' && of.runningHour > 0 ? 'wrong' : ''}>
          {formatLarge(of.runningHour)}
        </a>
        <span class="quiet"> this hour</span>
      </p>
      <Sparkline
        label={`${title}, the last 23 hours: ${of.day.join(', ')}`}
        values={of.day}
        before={of.dayBefore}
        tone={tone}
      />
      <dl class="card-facts">
        <div>
          <dt>Hour before</dt>
          <dd>
            {formatCount(of.lastHour)}{' '}
            {change !== undefined && <span class="quiet">({change})</span>}
          </dd>
        </div>
        <div>
          <dt>That hour last week</dt>
          <dd>{formatCount(of.lastHourBefore)}</dd>
        </div>
        <div>
          <dt>24 hours</dt>
          <dd>
            <a href={toDay}>{formatCount(of.total)}</a>
          </dd>
        </div>
      </dl>
    </section>
  );
}
