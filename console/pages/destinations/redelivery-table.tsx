import {
  Redelivery_State as State,
  type Redelivery,
} from '../../../gen/headgate/v1/redelivery_service_pb.ts';
import { Act } from '../../parts/dialogs/act.tsx';
import { formatCount, shareOf } from '../../parts/figures.ts';
import { Tag, type Tone } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { useService } from '../../service/service.ts';

const states: Readonly<Record<State, readonly [words: string, tone: Tone]>> = {
  [State.STATE_UNSPECIFIED]: ['unknown', 'quiet'],
  [State.RUNNING]: ['running', 'good'],
  [State.PAUSED]: ['paused', 'warn'],
  [State.CANCELLING]: ['ending', 'warn'],
  [State.CANCELLED]: ['cancelled', 'quiet'],
  [State.DONE]: ['done', 'good'],
  [State.FAILED]: ['failed', 'bad'],
};

export interface RedeliveryTableProps {
  readonly redeliveries: readonly Redelivery[];
  readonly onChange: () => void;
}

/** The newest redelivery of each destination, and how far it is. */
export function RedeliveryTable({ redeliveries, onChange }: RedeliveryTableProps) {
  if (redeliveries.length === 0) {
    return (
      <p class="quiet">None yet. “Redeliver…” of a destination sends it events of the log again.</p>
    );
  }
  return (
    <table class="plain" aria-label="Redeliveries">
      <thead>
        <tr>
          <th scope="col">Destination</th>
          <th scope="col">State</th>
          <th scope="col" class="number">
            Sent
          </th>
          <th scope="col" class="number">
            Waiting
          </th>
          <th scope="col" class="wide">
            Log read
          </th>
          <th scope="col" class="wide">
            Started
          </th>
          <th scope="col">Note</th>
        </tr>
      </thead>
      <tbody>
        {redeliveries.map((each) => (
          <RedeliveryRow key={each.id} of={each} onChange={onChange} />
        ))}
      </tbody>
    </table>
  );
}

function RedeliveryRow({ of, onChange }: { of: Redelivery; onChange: () => void }) {
  const { selection, state, sent, waiting, startedAt, note, walk } = of;
  const [words, tone] = states[state] ?? ['unknown', 'quiet'];
  const name = selection?.destination ?? '';
  return (
    <tr>
      <td>
        <a href={`/destinations/${encodeURIComponent(name)}`}>{name}</a>
      </td>
      <td>
        <Tag tone={tone}>{words}</Tag>
      </td>
      <td class="number">{formatCount(sent)}</td>
      <td class="number">{formatCount(waiting)}</td>
      <td class="wide">{walk === undefined ? '–' : `${shareOf(walk)} %`}</td>
      <td class="wide">
        <Time at={startedAt} />
      </td>
      <td>
        {note} <RedeliveryActs of={of} onChange={onChange} />
      </td>
    </tr>
  );
}

function RedeliveryActs({ of, onChange }: { of: Redelivery; onChange: () => void }) {
  const { redeliveries } = useService();
  const { id, state, sent, waiting } = of;
  const counts = [
    ['Sent so far', formatCount(sent)],
    ['Of these waiting', formatCount(waiting)],
  ] as const;
  return (
    <span class="acts">
      {state === State.RUNNING && (
        <Act
          button="Pause…"
          title="Pause this redelivery"
          needs="operator"
          text="No more events are sent again until it is resumed. New events are delivered as before."
          plan={async () => ({ facts: counts, confirm: 'Pause' })}
          run={async () => {
            await redeliveries.pauseRedelivery({ id });
            return <p>The redelivery is paused.</p>;
          }}
          onDone={onChange}
        />
      )}
      {state === State.PAUSED && (
        <Act
          button="Resume…"
          title="Resume this redelivery"
          needs="operator"
          plan={async () => ({ facts: counts, confirm: 'Resume' })}
          run={async () => {
            await redeliveries.resumeRedelivery({ id });
            return <p>The redelivery goes on.</p>;
          }}
          onDone={onChange}
        />
      )}
      {(state === State.RUNNING || state === State.PAUSED) && (
        <Act
          button="Cancel…"
          title="Cancel this redelivery"
          needs="operator"
          isDanger
          text="What was sent stays sent. What still waits because of this redelivery is not sent any more."
          plan={async () => ({ facts: counts, confirm: 'Cancel the redelivery' })}
          run={async () => {
            await redeliveries.cancelRedelivery({ id });
            return <p>The redelivery ends.</p>;
          }}
          onDone={onChange}
        />
      )}
    </span>
  );
}
