import type { DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import type { GetDeadLetterResponse } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { Copied } from '../../parts/copy.tsx';
import { Facts } from '../../parts/facts.tsx';
import { JsonText } from '../../parts/json/json-text.tsx';
import { AttemptTable } from '../../parts/attempt-table.tsx';
import { SidePanel } from '../../parts/side-panel.tsx';
import { Shown } from '../../parts/states.tsx';
import { Time } from '../../parts/time.tsx';
import { useLoad } from '../../service/load.ts';
import { useService } from '../../service/service.ts';
import { DeadLetterActs } from './dead-letter-acts.tsx';

export interface DeadLetterPanelProps {
  readonly id: string;
  readonly closeTo: string;
  readonly onChange: () => void;
}

/** One dead letter: why, its attempts, the event, and what to do with it. */
export function DeadLetterPanel({ id, closeTo, onChange }: DeadLetterPanelProps) {
  const { deadLetters } = useService();
  const found = useLoad(id, (signal) => deadLetters.getDeadLetter({ id }, { signal }));
  const changed = (): void => {
    found.reload();
    onChange();
  };
  return (
    <SidePanel title="Dead letter" label="Dead letter" closeTo={closeTo}>
      <Shown of={found}>
        {(answer) =>
          answer.deadLetter !== undefined && (
            <DeadLetterDetails answer={answer} letter={answer.deadLetter} onChange={changed} />
          )
        }
      </Shown>
    </SidePanel>
  );
}

interface DetailsProps {
  readonly answer: GetDeadLetterResponse;
  readonly letter: DeadLetter;
  readonly onChange: () => void;
}

function DeadLetterDetails({ answer, letter, onChange }: DetailsProps) {
  const { event } = letter;
  return (
    <>
      <div class="notice bad">
        <strong>{letter.destination} did not take it</strong>
        <p>{letter.reason}</p>
      </div>
      {letter.fixedAt !== undefined && letter.discardedAt === undefined && (
        <div class="notice warn">
          <strong>Fixed, not replayed</strong>
          <p>
            The event was fixed <Time at={letter.fixedAt} as="ago" />. Replay it to deliver it.
          </p>
        </div>
      )}
      {letter.discardedAt === undefined ? (
        <DeadLetterActs answer={answer} letter={letter} onDone={onChange} />
      ) : (
        <div class="notice">
          Discarded <Time at={letter.discardedAt} as="whole" />: {letter.discardedWhy}
        </div>
      )}
      <Facts
        of={[
          ['Event', event?.eventName],
          ['Source', event?.source],
          ['Person', event?.userId || event?.anonymousId],
          ['Dead since', <Time at={letter.deadAt} as="exact" />],
          ['Received', event && <Time at={event.timestamp} as="exact" />],
          ['Event id', event && <Copied text={event.eventId} label="the event id" />],
          [
            'Where it is',
            event && <a href={linkTo('/find', { q: event.eventId })}>Find this event</a>,
          ],
        ]}
      />
      <h3>Attempts</h3>
      <AttemptTable attempts={letter.attempts} />
      <h3>The event</h3>
      <JsonText label="The event" json={answer.eventJson} />
      {letter.originalEventJson !== '' && (
        <>
          <h3>Before the fix</h3>
          <JsonText label="The event before the fix" json={letter.originalEventJson} />
        </>
      )}
    </>
  );
}
