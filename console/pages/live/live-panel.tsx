import { timestampFromMs } from '@bufbuild/protobuf/wkt';

import { linkTo, sequenceOf } from '../../navigation/address.ts';
import { Copied } from '../../parts/copy.tsx';
import { Facts } from '../../parts/facts.tsx';
import { JsonText } from '../../parts/json/json-text.tsx';
import { SidePanel } from '../../parts/side-panel.tsx';
import { Empty, Shown } from '../../parts/states.tsx';
import { Time } from '../../parts/time.tsx';
import { Violations } from '../../parts/violations.tsx';
import { useLoad } from '../../service/load.ts';
import { useService, type Service } from '../../service/service.ts';
import { walkPages } from '../../service/walk.ts';
import { VerdictTag } from './event-columns.tsx';
import { loggedEvent, refusedEvent, type LiveEvent } from './live-event.ts';

export interface LivePanelProps {
  /** LiveEvent.id. */
  readonly id: string;
  /** The events of the list: one that left it is loaded. */
  readonly known: readonly LiveEvent[];
  readonly closeTo: string;
}

/** One event whole. */
export function LivePanel({ id, known, closeTo }: LivePanelProps) {
  const service = useService();
  const found = useLoad(id, async (signal) => {
    const inList = known.find((each) => each.id === id);
    return inList ?? readEvent(service, id, signal);
  });
  return (
    <SidePanel title="Event" label="Event" closeTo={closeTo}>
      <Shown of={found}>
        {(event) =>
          event === null ? (
            <Empty title="The log does not have this event">
              It may have been deleted after the retention time.
            </Empty>
          ) : (
            <EventView event={event} />
          )
        }
      </Shown>
    </SidePanel>
  );
}

async function readEvent(service: Service, id: string, signal: AbortSignal) {
  const [, eventId, at] = /^a(.+)@(\d+)$/.exec(id) ?? [];
  if (eventId === undefined || at === undefined) return readRefused(service, id, signal);
  let found: LiveEvent | null = null;
  const request = {
    anyName: true,
    pageSize: 500,
    // The log stores an event some time after the gate received it.
    since: timestampFromMs(Number(at) - 1_000),
    until: timestampFromMs(Number(at) + 60_000),
  };
  await walkPages((pageToken) => service.log.readEvents({ ...request, pageToken }, { signal }), {
    signal,
    onPage: ({ events }) => {
      found = events.map(loggedEvent).find((event) => event.eventId === eventId) ?? null;
      return found === null;
    },
  });
  return found;
}

async function readRefused(
  { rejected }: Service,
  id: string,
  signal: AbortSignal,
): Promise<LiveEvent | null> {
  const sequence = id.startsWith('r') ? sequenceOf(id.slice(1)) : undefined;
  if (sequence === undefined) return null;
  const answer = await rejected.getRejected({ sequence }, { signal });
  return refusedEvent(answer.rejected!);
}

function EventView({ event }: { readonly event: LiveEvent }) {
  const { isAccepted, error, warnings } = event;
  return (
    <>
      {error !== undefined && (
        <div class="notice bad">
          <strong>{error.code}</strong>
          <p>{error.message}</p>
        </div>
      )}
      {warnings.map(({ code, message }, index) => (
        <div key={index} class="notice warn">
          <strong>{code}</strong>
          <p>{message}</p>
        </div>
      ))}
      <Violations of={error?.violations ?? warnings.flatMap(({ violations }) => violations)} />
      <Facts
        of={[
          ['Verdict', <VerdictTag of={event} />],
          ['Event', event.eventName],
          ['Source', event.source],
          ['Received', <Time at={event.receivedAt} as="exact" />],
          ['Version', event.schemaVersion > 0 && String(event.schemaVersion)],
          ['Event id', event.eventId && <Copied text={event.eventId} label="the event id" />],
          ['Idempotency key', <Copied text={event.idempotencyKey} label="the idempotency key" />],
          ['Correlation id', <Copied text={event.correlationId} label="the correlation id" />],
          [
            'Next',
            isAccepted ? (
              <a href={linkTo('/find', { q: event.eventId })}>Where it went</a>
            ) : (
              <a href={linkTo('/refused', { open: String(event.sequence) })}>
                Fix, replay or discard
              </a>
            ),
          ],
        ]}
      />
      <JsonText label="The event" json={event.eventJson} />
    </>
  );
}
