import { useState } from 'preact/hooks';

import { Act } from '../../parts/dialogs/act.tsx';
import type { RejectedEvent } from '../../../gen/headgate/v1/rejected_event_pb.ts';
import { useMay, useService } from '../../service/service.ts';
import { addTo, newTally, ReplayOutcome } from './bulk-acts.tsx';
import { FixDialog } from './fix-dialog.tsx';

export interface OneActsProps {
  readonly event: RejectedEvent;
  readonly onDone: () => void;
}

/** Acts on one refused event, as long as it waits for one. */
export function OneActs({ event, onDone }: OneActsProps) {
  const { rejected } = useService();
  const [isFixing, setIsFixing] = useState(false);
  const { sequence } = event;
  const isStored = event.replay !== undefined && event.replay.sequence > 0n;
  if (!useMay('operator') || isStored || event.discard !== undefined) return null;
  return (
    <div class="acts">
      <button type="button" class="main" onClick={() => setIsFixing(true)}>
        Fix…
      </button>
      {isFixing && <FixDialog event={event} onClose={() => setIsFixing(false)} onDone={onDone} />}
      <Act
        button="Replay…"
        title={`Replay refused event ${sequence}`}
        needs="operator"
        text="The event is validated again as it was sent, and stored if it now keeps its contract."
        plan={async (signal) => {
          const { results } = await rejected.replayRejected({ sequence, dryRun: true }, { signal });
          const tally = newTally();
          addTo(tally, results);
          const wouldPass = tally.accepted + tally.duplicate > 0;
          return {
            facts: [
              ['Verdict today', wouldPass ? 'accepted' : (results[0]?.error?.code ?? 'unknown')],
            ],
            note: wouldPass ? undefined : results[0]?.error?.message,
            confirm: wouldPass ? 'Replay 1 event' : undefined,
          };
        }}
        run={async () => {
          const tally = newTally();
          addTo(tally, (await rejected.replayRejected({ sequence })).results);
          return <ReplayOutcome of={tally} />;
        }}
        onDone={onDone}
      />
      <Act
        button="Discard…"
        title={`Discard refused event ${sequence}`}
        needs="operator"
        isDanger
        asksWhy
        text="A discarded event is not replayed any more, and is deleted later. This cannot be undone."
        plan={async (signal) => {
          const request = { sequence, dryRun: true, why: 'dry run' };
          const { sequences } = await rejected.discardRejected(request, { signal });
          return {
            facts: [['Would be discarded', sequences.length === 1 ? 'this event' : 'no event']],
            confirm: sequences.length === 1 ? 'Discard 1 event' : undefined,
          };
        }}
        run={async (why) => {
          await rejected.discardRejected({ sequence, why });
          return <p>The event is discarded.</p>;
        }}
        onDone={onDone}
      />
    </div>
  );
}
