import { formatBytes } from '../../parts/figures.ts';
import { Copied } from '../../parts/copy.tsx';
import { Facts } from '../../parts/facts.tsx';
import { JsonText } from '../../parts/json/json-text.tsx';
import { SidePanel } from '../../parts/side-panel.tsx';
import { Shown } from '../../parts/states.tsx';
import { Time } from '../../parts/time.tsx';
import { Violations } from '../../parts/violations.tsx';
import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { linkTo, sequenceOf } from '../../navigation/address.ts';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { OneActs } from './one-acts.tsx';

export interface RefusedPanelProps {
  readonly sequence: string;
  readonly closeTo: string;
  readonly onChange: () => void;
}

/** One refused event: why, what was sent, and what to do with it. */
export function RefusedPanel({ sequence, closeTo, onChange }: RefusedPanelProps) {
  const { rejected } = useService();
  const found = useLoad(sequence, async (signal) => {
    const position = sequenceOf(sequence);
    if (position === undefined) throw new Error(`There is no refused event "${sequence}".`);
    const answer = await rejected.getRejected({ sequence: position }, { signal });
    return answer.rejected!;
  });
  const changed = (): void => {
    found.reload();
    onChange();
  };
  return (
    <SidePanel
      title={`Refused event ${sequence}`}
      label={`Refused event ${sequence}`}
      closeTo={closeTo}
    >
      <Shown of={found}>{(event) => <RefusedView event={event} onChange={changed} />}</Shown>
    </SidePanel>
  );
}

function RefusedView({ event, onChange }: { event: RejectedEvent; onChange: () => void }) {
  const { error } = event;
  return (
    <>
      <div class="notice bad">
        <strong>{error?.code}</strong>
        <p>{error?.message}</p>
        {error?.help !== undefined && error.help !== '' && <p class="quiet">{error.help}</p>}
      </div>
      <OneActs event={event} onDone={onChange} />
      <Violations of={error?.violations ?? []} />
      <Facts
        of={[
          ['Event', event.eventName],
          ['Source', event.source],
          ['Received', <Time at={event.receivedAt} as="exact" />],
          ['Replayed', event.replay && <Time at={event.replay.replayedAt} as="whole" />],
          ['Discarded', event.discard && <Discarded of={event} />],
          ['Endpoint', event.door],
          ['Size', formatBytes(event.sizeBytes)],
          ['Idempotency key', <Copied text={event.idempotencyKey} label="the idempotency key" />],
          ['Correlation id', <Copied text={event.correlationId} label="the correlation id" />],
          [
            'Where it is',
            <a href={linkTo('/find', { q: event.idempotencyKey })}>Find this event</a>,
          ],
        ]}
      />
      <h3>As it was sent</h3>
      <JsonText label="The event as it was sent" json={textOf(event)} />
    </>
  );
}

function Discarded({ of }: { of: RejectedEvent }) {
  return (
    <>
      <Time at={of.discard?.discardedAt} as="whole" />: {of.discard?.why}
    </>
  );
}

function textOf(event: RejectedEvent): string {
  if (event.eventJson !== '') return event.eventJson;
  return new TextDecoder().decode(event.original);
}
