import { timestampMs } from '@bufbuild/protobuf/wkt';

import type { StoredLocation } from '../../../gen/headgate/v1/event_service_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { Copied } from '../../parts/copy.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { FateRow } from './fate-row.tsx';

export interface StoredCardProps {
  readonly of: StoredLocation;
}

/** An accepted event that was found: its way from the producer to each destination. */
export function StoredCard({ of }: StoredCardProps) {
  const { eventName, source, eventId, receivedAt, door, warningCodes } = of;
  const at = receivedAt === undefined ? 0 : Math.floor(timestampMs(receivedAt));
  return (
    <section class="card found" aria-label={`Event ${eventName}`}>
      <h2>
        {eventName} <Tag tone="good">accepted</Tag>
      </h2>
      <ol class="timeline">
        {of.occurredAt !== undefined && (
          <li>
            <Time at={of.occurredAt} as="exact" /> happened, by the clock of the producer
          </li>
        )}
        {of.sentAt !== undefined && (
          <li>
            <Time at={of.sentAt} as="exact" /> sent
          </li>
        )}
        {of.relay !== '' && (
          <li>
            {of.takenAt !== undefined && <Time at={of.takenAt} as="exact" />} taken by the relay{' '}
            <strong>{of.relay}</strong>
          </li>
        )}
        <li>
          <Time at={receivedAt} as="exact" /> came from <strong>{source}</strong>
          {door !== '' && ` at the endpoint ${door}`}
          {of.schemaVersion > 0 && `, checked by version ${of.schemaVersion}`}
          {warningCodes.length > 0 && `, with warnings: ${warningCodes.join(', ')}`}
        </li>
        <li>
          <Time at={of.storedAt} as="exact" /> stored in the log
        </li>
        {of.destinations.map((fate) => (
          <FateRow key={fate.destination} of={fate} />
        ))}
      </ol>
      {/* Not looked up if many were found. */}
      {of.destinations.length === 0 && (
        <p>
          <a href={linkTo('/find', { q: eventId, by: 'id' })}>Where it went</a>
        </p>
      )}
      <Facts
        of={[
          ['Event id', <Copied text={eventId} label="the event id" />],
          ['Idempotency key', <Copied text={of.idempotencyKey} label="the idempotency key" />],
          ['Correlation id', <Copied text={of.correlationId} label="the correlation id" />],
          [
            'The event',
            <a href={linkTo('/live', { since: '7d', event: eventName, open: `a${eventId}@${at}` })}>
              Show it whole
            </a>,
          ],
        ]}
      />
    </section>
  );
}
