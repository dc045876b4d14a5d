import { useState } from 'preact/hooks';

import type { DeadLetter } from '../../../gen/headgate/v1/dead_letter_pb.ts';
import type { GetDeadLetterResponse } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { useContract } from '../../event-form/contract.ts';
import {
  editsOf,
  EventForm,
  hasChanges,
  noChanges,
  type EventChanges,
} from '../../event-form/event-form.tsx';
import { Dialog } from '../../parts/dialogs/dialog.tsx';
import { Failed, Loading } from '../../parts/states.tsx';
import { failureOf, type Failure } from '../../service/failure.ts';
import { useService } from '../../service/service.ts';
import { violationsOf } from './violations-of.ts';

export interface FixDeadLetterDialogProps {
  readonly answer: GetDeadLetterResponse;
  readonly letter: DeadLetter;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Changes the event of a dead letter. The service keeps a change only if the contract allows it. */
export function FixDeadLetterDialog(props: FixDeadLetterDialogProps) {
  const { answer, letter, onClose } = props;
  const contract = useContract(letter.event?.eventName ?? '');
  const [changes, setChanges] = useState<EventChanges>(noChanges);
  const fix = useFix(props, changes);
  const submit = (event: Event): void => {
    event.preventDefault();
    fix.send();
  };
  return (
    <Dialog title="Fix this dead letter" onClose={onClose} isWide>
      <form class="body" onSubmit={submit}>
        <p>
          {letter.destination} said: <strong>{letter.reason}</strong>
        </p>
        {contract.isLoading ? (
          <Loading />
        ) : (
          <EventForm
            eventJson={answer.eventJson}
            schemaJson={contract.value || undefined}
            violations={violationsOf(fix.failure?.text ?? '')}
            withIds={false}
            changes={changes}
            onChange={setChanges}
          />
        )}
        {fix.failure !== undefined && <Failed failure={fix.failure} />}
        <p class="quiet">
          The fixed event must keep its contract. The original stays with the dead letter.
        </p>
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" disabled={fix.isBusy || !hasChanges(changes)} value="keep">
            Keep the fix
          </button>
          <button
            type="button"
            class="main"
            disabled={fix.isBusy || !hasChanges(changes)}
            onClick={fix.sendAndReplay}
          >
            Fix and replay 1 event
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function useFix(props: FixDeadLetterDialogProps, changes: EventChanges) {
  const { answer, letter, onClose, onDone } = props;
  const { deadLetters } = useService();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const fix = async (isReplayed: boolean): Promise<void> => {
    setIsBusy(true);
    setFailure(undefined);
    const { whole } = changes;
    const { id } = letter;
    try {
      const { revision } = await deadLetters.fixDeadLetter({
        id,
        revision: answer.revision,
        ...(whole === undefined ? { edits: editsOf(changes) } : { eventJson: whole }),
      });
      if (isReplayed) await deadLetters.replayDeadLetter({ id, revision });
      onClose();
      onDone();
    } catch (error) {
      setFailure(failureOf(error));
      setIsBusy(false);
    }
  };
  return { failure, isBusy, send: () => void fix(false), sendAndReplay: () => void fix(true) };
}
