import type { DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { Copied } from '../../parts/copy.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';

/** A dead letter that was found, whose event the log has deleted. */
export function DeadCard({ of }: { readonly of: DeadLetter }) {
  const { id, destination, event, reason } = of;
  const eventName = event?.eventName || '(no name)';
  return (
    <section class="card found" aria-label={`Dead letter ${eventName}`}>
      <h2>
        {eventName} <Tag tone="bad">dead letter</Tag>
      </h2>
      <ol class="timeline">
        <li>
          <Time at={event?.timestamp} as="exact" /> came from <strong>{event?.source}</strong>. The
          log has deleted the event since, and only this copy says what became of it.
        </li>
        <li class="bad">
          <Time at={of.deadAt} as="exact" />{' '}
          <a href={`/destinations/${encodeURIComponent(destination)}`}>{destination}</a> did not
          take it: {reason}
        </li>
      </ol>
      <p>
        <a href={linkTo('/dead-letters', { destination, open: id })}>Fix, replay or discard</a>
      </p>
      {event !== undefined && (
        <Facts
          of={[
            ['Event id', <Copied text={event.eventId} label="the event id" />],
            ['Idempotency key', <Copied text={event.idempotencyKey} label="the idempotency key" />],
          ]}
        />
      )}
    </section>
  );
}
