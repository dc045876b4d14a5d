import { useService } from '../../service/service.ts';
import { useLoad } from '../../service/load.ts';
import { Shown } from '../../parts/states.tsx';
import { msOf, Time } from '../../parts/time.tsx';
import type {
  EventCount,
  GetHourlyCountsResponse,
} from '../../../gen/headgate/v1/signal_service_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { formatCount } from '../../parts/figures.ts';
import { DestinationTable } from '../destinations/destination-table.tsx';
import { SignalCard } from './signal-card.tsx';
import { runningHourMs } from './hours.ts';
import { serviceNowMs } from '../../service/clock.ts';

const everyMs = 15_000;

/** What came in, was refused, delivered and given up, and how the destinations are. */
export function OverviewPage() {
  const { signals, destinations } = useService();
  const counts = useLoad(
    'counts',
    (signal) => signals.getHourlyCounts({ withEvents: false }, { signal }),
    everyMs,
  );
  const today = useLoad(
    'today',
    (signal) => {
      const since = { seconds: BigInt(Math.floor(serviceNowMs() / 1000) - 86_400), nanos: 0 };
      return signals.getHourlyCounts({ since, withEvents: true }, { signal });
    },
    everyMs,
  );
  const listed = useLoad(
    'destinations',
    async (signal) => (await destinations.listDestinations({}, { signal })).destinations,
    everyMs / 3,
  );
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
      </div>
      <Shown of={counts} what="Loading the counts of eight days">
        {(answer) => <Signals answer={answer} />}
      </Shown>
      <h3>Destinations</h3>
      <Shown of={listed}>{(all) => <DestinationTable destinations={all} />}</Shown>
      <h3>Most refused in 24 hours</h3>
      <Shown of={today}>{({ events }) => <MostRefused events={events} />}</Shown>
    </>
  );
}

function Signals({ answer }: { readonly answer: GetHourlyCountsResponse }) {
  const { hours, updatedAt } = answer;
  const nowMs = serviceNowMs();
  const since = new Date(runningHourMs(hours, nowMs)).toISOString();
  return (
    <>
      <div class="cards">
        <SignalCard
          title="Events in"
          hours={hours}
          signal="accepted"
          tone="accent"
          to={linkTo('/live', { verdict: 'accepted', since })}
          toDay={linkTo('/live', { verdict: 'accepted', since: '24h' })}
        />
        <SignalCard
          title="Refused"
          hours={hours}
          signal="rejected"
          tone="bad"
          to={linkTo('/refused', { since, with: 'all' })}
          toDay={linkTo('/refused', { since: '24h', with: 'all' })}
        />
        <SignalCard
          title="Delivered"
          hours={hours}
          signal="delivered"
          tone="accent"
          to={linkTo('/destinations', {})}
          toDay={linkTo('/destinations', {})}
        />
        <SignalCard
          title="Dead letters"
          hours={hours}
          signal="deadLetters"
          tone="bad"
          to={linkTo('/dead-letters', { since })}
          toDay={linkTo('/dead-letters', { since: '24h' })}
        />
      </div>
      <p class="under quiet">
        {msOf(updatedAt) === undefined ? (
          'Nothing is counted yet.'
        ) : (
          <>
            By hour; last changed <Time at={updatedAt} as="ago" />. Other processes than the one
            that serves this page add theirs about once a minute. The dashed line is the same day
            last week.
          </>
        )}
      </p>
    </>
  );
}

function MostRefused({ events }: { readonly events: readonly EventCount[] }) {
  const refused = events.filter(({ rejected }) => rejected > 0n).slice(0, 8);
  if (refused.length === 0) return <p class="quiet">Nothing was refused.</p>;
  return (
    <table class="plain" aria-label="Most refused events">
      <thead>
        <tr>
          <th scope="col">Event</th>
          <th scope="col">Source</th>
          <th scope="col" class="number">
            Refused
          </th>
          <th scope="col" class="number">
            Accepted
          </th>
        </tr>
      </thead>
      <tbody>
        {refused.map(({ eventName, source, rejected, accepted }) => (
          <tr key={`${eventName} ${source}`}>
            <td>
              <a href={linkTo('/refused', { event: eventName, source, since: '24h', with: 'all' })}>
                {eventName}
              </a>
            </td>
            <td>{source}</td>
            <td class="number">{formatCount(rejected)}</td>
            <td class="number">{formatCount(accepted)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
