import {
  DestinationStatus_State as State,
  type DestinationStatus,
} from '../../../gen/headgate/v1/destination_service_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { formatCount } from '../../parts/figures.ts';
import { Empty } from '../../parts/states.tsx';
import { Tag, type Tone } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';

const states: Readonly<Record<State, readonly [words: string, tone: Tone]>> = {
  [State.STATE_UNSPECIFIED]: ['unknown', 'quiet'],
  [State.RUNNING]: ['running', 'good'],
  [State.PARKED]: ['parked', 'bad'],
  [State.DISABLED]: ['disabled', 'bad'],
  [State.STOPPED]: ['stopped', 'warn'],
  [State.ELSEWHERE]: ['in another process', 'quiet'],
  [State.REMOVED]: ['removed', 'warn'],
  [State.PAUSED]: ['paused', 'warn'],
};

export function StateTag({ of }: { readonly of: State }) {
  // A newer service can have states that this page does not know.
  const [words, tone] = states[of] ?? ['unknown', 'quiet'];
  return <Tag tone={tone}>{words}</Tag>;
}

/** The destinations with what waits for each, and why. */
export function DestinationTable({ destinations }: { destinations: readonly DestinationStatus[] }) {
  if (destinations.length === 0) {
    return (
      <Empty title="No destinations">
        Add one under <code>destinations</code> in headgate.yaml. Until then events stay in the log.
      </Empty>
    );
  }
  return (
    <table class="plain" aria-label="Destinations">
      <thead>
        <tr>
          <th scope="col">Destination</th>
          <th scope="col">State</th>
          <th scope="col" class="number">
            Waiting
          </th>
          <th scope="col" class="wide">
            Oldest
          </th>
          <th scope="col" class="number wide">
            Delivered
          </th>
          <th scope="col" class="number">
            Dead
          </th>
          <th scope="col" class="wide reason">
            Why
          </th>
        </tr>
      </thead>
      <tbody>
        {destinations.map((each) => (
          <DestinationRow key={each.name} of={each} />
        ))}
      </tbody>
    </table>
  );
}

function DestinationRow({ of }: { readonly of: DestinationStatus }) {
  const { name, type, state, waiting, oldestWaiting, delivered, dead, reason } = of;
  const isPaused = state === State.PAUSED;
  return (
    <tr>
      <td>
        <a href={`/destinations/${encodeURIComponent(name)}`}>{name}</a>{' '}
        <span class="quiet wide">{type}</span>
      </td>
      <td>
        <StateTag of={state} /> {isPaused && <PausedSince of={of} />}
      </td>
      <td class="number">{formatCount(waiting)}</td>
      <td class="wide">
        <Time at={oldestWaiting} as="ago" />
      </td>
      <td class="number wide">{formatCount(delivered)}</td>
      <td class="number">
        {dead === 0n ? (
          '0'
        ) : (
          <a class="wrong" href={linkTo('/dead-letters', { destination: name })}>
            {formatCount(dead)}
          </a>
        )}
      </td>
      <td class="wide reason">{reason}</td>
    </tr>
  );
}

/** A pause is easily forgotten: who can end it sees at once how old it is. */
export function PausedSince({ of }: { readonly of: DestinationStatus }) {
  return (
    <>
      since <Time at={of.since} /> (<Time at={of.since} as="ago" />) by {of.pausedBy}
    </>
  );
}
