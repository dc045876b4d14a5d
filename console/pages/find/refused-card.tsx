import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { Copied } from '../../parts/copy.tsx';
import { Facts } from '../../parts/facts.tsx';
import { JsonText } from '../../parts/json/json-text.tsx';
import { Shown } from '../../parts/states.tsx';
import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { Violations } from '../../parts/violations.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';

export interface RefusedCardProps {
  readonly of: RejectedEvent;
  /** Loads the event as it was sent, too. */
  readonly isWhole: boolean;
}

/** A refused event that was found. */
export function RefusedCard({ of, isWhole }: RefusedCardProps) {
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
      <p>
        <a href={linkTo('/refused', { open: String(sequence), with: 'all' })}>
          Fix, replay or discard
        </a>
      </p>
      <Facts
        of={[
          ['Number', String(sequence)],
          [
            'Idempotency key',
            of.idempotencyKey && <Copied text={of.idempotencyKey} label="the idempotency key" />,
          ],
          [
            'Correlation id',
            of.correlationId && <Copied text={of.correlationId} label="the correlation id" />,
          ],
        ]}
      />
      {isWhole && <Sent sequence={sequence} />}
    </section>
  );
}

function Sent({ sequence }: { readonly sequence: bigint }) {
  const { rejected } = useService();
  const found = useLoad(String(sequence), (signal) =>
    rejected.getRejected({ sequence }, { signal }),
  );
  return (
    <Shown of={found}>
      {({ rejected: event }) => (
        <JsonText
          label="The event as it was sent"
          json={event!.eventJson || new TextDecoder().decode(event!.original)}
        />
      )}
    </Shown>
  );
}
