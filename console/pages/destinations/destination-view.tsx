import {
  DestinationStatus_State as State,
  type DestinationStatus,
  type RecentAttempt,
} from '../../../gen/headgate/v1/destination_service_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { countOf, formatCount, formatDuration } from '../../parts/figures.ts';
import { Facts } from '../../parts/facts.tsx';
import { Shown } from '../../parts/states.tsx';
import { Time } from '../../parts/time.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { DestinationActs } from './destination-acts.tsx';
import { PausedSince, StateTag } from './destination-table.tsx';
import { RedeliveryTable } from './redelivery-table.tsx';

const everyMs = 3_000;
const attemptsMax = 50;

/** One destination: what waits and why, its last failed attempts, and what can be done. */
export function DestinationView({ name }: { readonly name: string }) {
  const { destinations, redeliveries } = useService();
  const found = useLoad(
    name,
    (signal) => destinations.getDestination({ name, attemptsMax }, { signal }),
    everyMs,
  );
  const jobs = useLoad(
    `${name} redeliveries`,
    async (signal) => {
      const { redeliveries: all } = await redeliveries.listRedeliveries({}, { signal });
      return all.filter(({ selection }) => selection?.destination === name);
    },
    everyMs,
  );
  const changed = (): void => {
    found.reload();
    jobs.reload();
  };
  return (
    <>
      <div class="page-head">
        <h1>
          <a href="/destinations">Destinations</a> <span class="quiet">/</span> {name}
        </h1>
        {found.value?.destination !== undefined && (
          <>
            <StateTag of={found.value.destination.state} />
            <DestinationActs of={found.value.destination} onDone={changed} />
          </>
        )}
      </div>
      <Shown of={found}>
        {({ destination, attempts }) => (
          <>
            {destination !== undefined && <Status of={destination} />}
            <h3>Last failed attempts</h3>
            <Attempts of={attempts} />
          </>
        )}
      </Shown>
      <h3>Redelivery</h3>
      <Shown of={jobs}>{(all) => <RedeliveryTable redeliveries={all} onChange={changed} />}</Shown>
    </>
  );
}

const advice: Readonly<Partial<Record<State, string>>> = {
  [State.PARKED]:
    'The destination cannot be reached or refuses all events. Single events test it; the others wait and spend no attempts.',
  [State.DISABLED]:
    'The destination asked for no more events. Fix it there, then restart the service.',
  [State.REMOVED]:
    'The destination is no longer in the configuration, and its waiting events keep the log from deleting them.',
  [State.PAUSED]:
    'Nothing is sent until someone resumes it. Its events wait and spend no attempts.',
};

function Status({ of }: { readonly of: DestinationStatus }) {
  const { state, reason, dead, beforeStart, name } = of;
  const text = advice[state];
  return (
    <>
      {(reason !== '' || text !== undefined) && (
        <div
          class={`notice ${state === State.PAUSED ? 'warn' : state === State.RUNNING ? '' : 'bad'}`}
        >
          {reason !== '' && <strong>{reason}</strong>}
          {state === State.PAUSED && (
            <p>
              Paused <PausedSince of={of} />.
            </p>
          )}
          {text !== undefined && <p>{text}</p>}
        </div>
      )}
      <div class="facts-columns">
        <Facts
          of={[
            ['Waiting', countOf(of.waiting, 'event')],
            ['Oldest waiting', of.oldestWaiting && <Time at={of.oldestWaiting} as="ago" />],
            ['Delivered', `${formatCount(of.delivered)} since the process started`],
            [
              'Dead letters',
              dead === 0n ? (
                '0'
              ) : (
                <a href={linkTo('/dead-letters', { destination: name })}>{formatCount(dead)}</a>
              ),
            ],
          ]}
        />
        <Facts
          of={[
            ['Type', of.type],
            ['In this state since', of.since && <Time at={of.since} as="ago" />],
            ['Next test', of.nextProbe && <Time at={of.nextProbe} as="ago" />],
            [
              'Before its start',
              beforeStart > 0n &&
                `${countOf(beforeStart, 'event')} of the log, which it does not get`,
            ],
          ]}
        />
      </div>
    </>
  );
}

function Attempts({ of }: { readonly of: readonly RecentAttempt[] }) {
  if (of.length === 0) return <p class="quiet">No attempt failed in the last 7 days.</p>;
  return (
    <table class="plain" aria-label="Last failed attempts">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Event</th>
          <th scope="col" class="wide number">
            Attempt
          </th>
          <th scope="col" class="wide number">
            Took
          </th>
          <th scope="col">Answer</th>
        </tr>
      </thead>
      <tbody>
        {of.map((attempt, index) => (
          <tr key={index}>
            <td>
              <Time at={attempt.startedAt} />
            </td>
            <td>
              <a href={linkTo('/find', { q: attempt.eventId })}>{attempt.eventName || 'event'}</a>
            </td>
            <td class="wide number">{attempt.attempt}</td>
            <td class="wide number">{formatDuration(attempt.durationMs)}</td>
            <td>
              {attempt.status !== '' && <strong>{attempt.status} </strong>}
              {attempt.error}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
