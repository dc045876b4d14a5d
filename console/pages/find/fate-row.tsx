import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';

import {
  DestinationFate_State as State,
  type DestinationFate,
} from '../../../gen/headgate/v1/event_service_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { AttemptTable } from '../../parts/attempt-table.tsx';
import { formatCount } from '../../parts/figures.ts';
import { Tag, type Tone } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';

const states: Readonly<Record<State, readonly [words: string, tone: Tone]>> = {
  [State.STATE_UNSPECIFIED]: ['unknown', 'quiet'],
  [State.WAITING]: ['waits', 'warn'],
  [State.IN_WORK]: ['on its way', 'quiet'],
  [State.RETRYING]: ['will be tried again', 'warn'],
  [State.DELIVERED]: ['delivered', 'good'],
  [State.FILTERED]: ['not for this destination', 'quiet'],
  [State.DEAD]: ['dead letter', 'bad'],
  [State.DISCARDED]: ['discarded', 'quiet'],
  [State.MISSING]: ['missing', 'bad'],
  [State.UNKNOWN]: ['unknown', 'warn'],
  [State.BEFORE_START]: ['before its start', 'quiet'],
  [State.ASIDE]: ['waits aside', 'warn'],
};

/** What became of an event at one destination: where it waits and why, or how it ended. */
export function FateRow({ of }: { readonly of: DestinationFate }) {
  const { destination, state, ahead, reason, attempts, redelivery, redelivered } = of;
  const [words, tone] = states[state] ?? ['unknown', 'quiet'];
  return (
    <li class={tone}>
      <a href={`/destinations/${encodeURIComponent(destination)}`}>{destination}</a>{' '}
      <Tag tone={tone}>{words}</Tag> <When of={of} />
      {ahead > 0n && <span class="quiet"> {formatCount(ahead)} other events come first</span>}
      {reason !== '' && <p>{reason}</p>}
      {redelivered !== undefined && (
        <p>
          Sent again by redelivery {redelivered.id}, <Time at={redelivered.startedAt} as="exact" />
          {redelivered.endedAt !== undefined && (
            <>
              {' '}
              to <Time at={redelivered.endedAt} as="exact" />
            </>
          )}
        </p>
      )}
      {redelivery !== undefined && (
        <p>
          Sent again <Time at={redelivery.copiedAt} as="ago" />
          {redelivery.inWork ? ', on its way' : `, ${formatCount(redelivery.ahead)} come first`}
        </p>
      )}
      {of.deadLetterId !== '' && (
        <p>
          <a href={linkTo('/dead-letters', { destination, open: of.deadLetterId })}>
            Fix, replay or discard
          </a>
        </p>
      )}
      {attempts.length > 0 && <AttemptTable attempts={attempts} />}
    </li>
  );
}

/** The same where the destination has recorded the time. Else the later one is only a bound. */
function isSame(after: Timestamp | undefined, by: Timestamp): boolean {
  return after !== undefined && timestampMs(after) === timestampMs(by);
}

function When({ of }: { readonly of: DestinationFate }) {
  const { deliveredAfter, deliveredBy, nextAttempt, nextProbe, endedAt, replayedAt } = of;
  return (
    <span class="quiet">
      {of.state === State.DELIVERED && deliveredBy === undefined && 'before now'}
      {deliveredBy !== undefined && (
        <>
          {!isSame(deliveredAfter, deliveredBy) && 'at the latest '}
          <Time at={deliveredBy} as="exact" />
        </>
      )}
      {nextAttempt !== undefined && (
        <>
          next attempt <Time at={nextAttempt} as="ago" />
        </>
      )}
      {nextProbe !== undefined && (
        <>
          {' '}
          next test of the destination <Time at={nextProbe} as="ago" />
        </>
      )}
      {endedAt !== undefined && <Time at={endedAt} as="exact" />}
      {replayedAt !== undefined && (
        <>
          {' '}
          replayed <Time at={replayedAt} as="exact" />
        </>
      )}
    </span>
  );
}
