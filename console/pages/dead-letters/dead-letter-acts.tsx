import { useState } from 'preact/hooks';

import type { DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import type { GetDeadLetterResponse } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import { useMay, useService } from '../../service/service.ts';
import { FixDeadLetterDialog } from './fix-dead-letter.tsx';

export interface DeadLetterActsProps {
  readonly answer: GetDeadLetterResponse;
  readonly letter: DeadLetter;
  readonly onDone: () => void;
}

export function DeadLetterActs({ answer, letter, onDone }: DeadLetterActsProps) {
  const { deadLetters } = useService();
  const [isFixing, setIsFixing] = useState(false);
  const { id, destination, event } = letter;
  const { revision } = answer;
  if (!useMay('operator')) return null;
  const facts = [
    ['Event', event?.eventName],
    ['Destination', destination],
  ] as const;
  return (
    <div class="acts">
      {answer.eventJson !== '' && (
        <button type="button" class="main" onClick={() => setIsFixing(true)}>
          Fix…
        </button>
      )}
      {isFixing && (
        <FixDeadLetterDialog
          answer={answer}
          letter={letter}
          onClose={() => setIsFixing(false)}
          onDone={onDone}
        />
      )}
      <Act
        button="Replay…"
        title="Replay this dead letter"
        needs="operator"
        text="The event goes again to the destination that did not take it, under the same event id."
        plan={async () => ({ facts, confirm: 'Replay 1 event' })}
        run={async () => {
          await deadLetters.replayDeadLetter({ id, revision });
          return <p>Replayed. If {destination} refuses it again, it comes back to this page.</p>;
        }}
        onDone={onDone}
      />
      <Act
        button="Discard…"
        title="Discard this dead letter"
        needs="operator"
        isDanger
        asksWhy
        text="The destination never gets the event. It stays in the log and at other destinations. This cannot be undone."
        plan={async () => ({ facts, confirm: 'Discard 1 event' })}
        run={async (why) => {
          await deadLetters.discardDeadLetter({ id, why, revision });
          return <p>Discarded, with the reason.</p>;
        }}
        onDone={onDone}
      />
    </div>
  );
}
