import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { Violations } from '../../parts/violations.tsx';

/** A refused event that was found. */
export function RefusedCard({ of }: { readonly of: RejectedEvent }) {
  const { eventName, source, receivedAt, error, replay, discard, sequence, door } = of;
  return (
    <section class="card found" aria-label={`Refused event ${eventName}`}>
      <h2>
        {eventName || '(no name)'} <Tag tone="bad">refused</Tag>
      </h2>
      <ol class="timeline">
        <li>
          <Time at={receivedAt} as="exact" /> came from <strong>{source}</strong> at the endpoint{' '}
          {door}
        </li>
        <li class="bad">
          refused: <strong>{error?.code}</strong> {error?.message}
          <Violations of={error?.violations ?? []} />
        </li>
        {replay !== undefined && (
          <li>
            <Time at={replay.replayedAt} as="exact" /> replayed
            {replay.sequence > 0n ? ' and stored' : ', and refused again'}
          </li>
        )}
        {discard !== undefined && (
          <li>
            <Time at={discard.discardedAt} as="exact" /> discarded: {discard.why}
          </li>
        )}
      </ol>
      <a href={linkTo('/refused', { open: String(sequence), with: 'all' })}>
        Fix, replay or discard
      </a>
    </section>
  );
}
