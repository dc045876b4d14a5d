import {
  DestinationStatus_State as State,
  type DestinationStatus,
} from '../../../gen/headgate/v1/destination_service_pb.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import { countOf } from '../../parts/figures.ts';
import { useService } from '../../service/service.ts';
import { Redeliver } from './redeliver.tsx';

export interface DestinationActsProps {
  readonly of: DestinationStatus;
  readonly onDone: () => void;
}

export function DestinationActs({ of, onDone }: DestinationActsProps) {
  const { destinations } = useService();
  const { name, state, waiting } = of;
  if (state === State.REMOVED) return <Remove of={of} onDone={onDone} />;
  return (
    <div class="acts">
      <Redeliver destination={name} canBeAsked={of.canBeAsked} onDone={onDone} />
      {state === State.PAUSED ? (
        <Act
          button="Resume…"
          title={`Resume ${name}`}
          needs="operator"
          text="Deliveries begin again at once, with the oldest event."
          plan={async () => ({
            facts: [
              ['Will be delivered', countOf(waiting, 'waiting event')],
              ['Paused because', of.reason],
            ],
            confirm: 'Resume deliveries',
          })}
          run={async () => {
            await destinations.resumeDestination({ name });
            return <p>{name} gets its events again.</p>;
          }}
          onDone={onDone}
        />
      ) : (
        <Act
          button="Pause…"
          title={`Pause ${name}`}
          needs="operator"
          asksWhy
          text="Nothing is sent to it, by any process, until someone resumes it. A restart keeps the pause. Events wait in the log as long as it keeps them."
          plan={async () => ({
            facts: [
              ['Would wait', `${countOf(waiting, 'event')}, and each one that comes`],
              ['Other destinations', 'not affected'],
            ],
            confirm: 'Pause deliveries',
          })}
          run={async (why) => {
            await destinations.pauseDestination({ name, why });
            return <p>{name} is paused.</p>;
          }}
          onDone={onDone}
        />
      )}
    </div>
  );
}

function Remove({ of, onDone }: DestinationActsProps) {
  const { destinations } = useService();
  const { name, waiting } = of;
  return (
    <div class="acts">
      <Act
        button="Remove…"
        title={`Remove ${name}`}
        needs="admin"
        isDanger
        text="Deletes its position in the log, and with it what still waits for it. Its dead letters stay. This cannot be undone."
        plan={async () => ({
          facts: [['Would not be delivered any more', countOf(waiting, 'waiting event')]],
          confirm: `Remove ${name}`,
        })}
        run={async () => {
          const { waiting: gone } = await destinations.removeDestination({ name });
          return <p>Removed, with {countOf(gone, 'waiting event')}.</p>;
        }}
        onDone={onDone}
      />
    </div>
  );
}
