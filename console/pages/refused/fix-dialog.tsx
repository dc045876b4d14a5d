import { useState } from 'preact/hooks';

import { EventForm, editsOf, noChanges, type EventChanges } from '../../event-form/event-form.tsx';
import { useContract } from '../../event-form/contract.ts';
import { Dialog } from '../../parts/dialogs/dialog.tsx';
import { Failed, Loading } from '../../parts/states.tsx';
import { EventResult_Status } from '../../../gen/headgate/v1/event_result_pb.ts';
import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import type { ReplayResult } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { failureOf, type Failure } from '../../service/failure.ts';
import { useService } from '../../service/service.ts';

export interface FixDialogProps {
  readonly event: RejectedEvent;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/**
 * Changes a refused event and sends it through the gate again. It is checked first; only a change that
 * would be accepted can be stored.
 */
export function FixDialog({ event, onClose, onDone }: FixDialogProps) {
  const contract = useContract(event.eventName);
  const [changes, setChanges] = useState<EventChanges>(noChanges);
  const fix = useFix(event, changes);
  const result = fix.checked ?? fix.stored;
  const isStored = fix.stored !== undefined && isAccepted(fix.stored);
  const close = (): void => {
    onClose();
    if (isStored) onDone();
  };
  const submit = (submitted: Event): void => {
    submitted.preventDefault();
    fix.send(!(fix.checked !== undefined && isAccepted(fix.checked)));
  };
  const text = event.eventJson === '' ? new TextDecoder().decode(event.original) : event.eventJson;
  return (
    <Dialog title={`Fix refused event ${event.sequence}`} onClose={close} isWide>
      <form class="body" onSubmit={submit}>
        {contract.isLoading && <Loading />}
        {!contract.isLoading && !isStored && (
          <EventForm
            eventJson={text}
            schemaJson={contract.value || undefined}
            violations={result?.error?.violations ?? event.error?.violations ?? []}
            withIds
            changes={changes}
            onChange={(next) => {
              setChanges(next);
              fix.forget();
            }}
          />
        )}
        <FixStatus result={result} isStored={isStored} failure={fix.failure} />
        <footer>
          <button type="button" onClick={close}>
            {isStored ? 'Close' : 'Cancel'}
          </button>
          {!isStored && (
            <button type="submit" class="main" disabled={fix.isBusy}>
              {fix.checked !== undefined && isAccepted(fix.checked)
                ? 'Store the fixed event'
                : 'Check'}
            </button>
          )}
        </footer>
      </form>
    </Dialog>
  );
}

interface FixStatusProps {
  readonly result: ReplayResult | undefined;
  readonly isStored: boolean;
  readonly failure: Failure | undefined;
}

function FixStatus({ result, isStored, failure }: FixStatusProps) {
  if (failure !== undefined) return <Failed failure={failure} />;
  if (result === undefined) return null;
  if (isStored) {
    return (
      <p class="notice good" role="status">
        Stored. Destinations get it like every other event.
      </p>
    );
  }
  return isAccepted(result) ? (
    <p class="notice good" role="status">
      It keeps its contract now. Nothing is stored yet.
    </p>
  ) : (
    <p class="notice bad" role="alert">
      <strong>{result.error?.code}</strong> {result.error?.message}
    </p>
  );
}

function isAccepted({ status }: ReplayResult): boolean {
  return status === EventResult_Status.ACCEPTED || status === EventResult_Status.DUPLICATE;
}

/** Checks or stores the event with the changes. A change makes the last check worthless. */
function useFix({ sequence }: RejectedEvent, changes: EventChanges) {
  const { rejected } = useService();
  const [checked, setChecked] = useState<ReplayResult>();
  const [stored, setStored] = useState<ReplayResult>();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const send = (dryRun: boolean): void => {
    setIsBusy(true);
    setFailure(undefined);
    const { whole } = changes;
    rejected
      .replayRejected({
        sequence,
        dryRun,
        ...(whole === undefined ? { edits: editsOf(changes) } : { replacementJson: whole }),
      })
      .then(({ results }) => {
        setChecked(dryRun ? results[0] : undefined);
        if (!dryRun) setStored(results[0]);
      })
      .catch((error: unknown) => setFailure(failureOf(error)))
      .finally(() => setIsBusy(false));
  };
  const forget = (): void => {
    setChecked(undefined);
    setStored(undefined);
    setFailure(undefined);
  };
  return { checked, stored, failure, isBusy, send, forget };
}
