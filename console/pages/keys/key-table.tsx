import { WriteKey_State as State, type WriteKey } from '../../../gen/headgate/v1/key_service_pb.ts';
import { countOf, formatBytes } from '../../parts/figures.ts';
import { Tag, type Tone } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { KeyActs } from './key-acts.tsx';

const states: Readonly<Record<State, readonly [words: string, tone: Tone]>> = {
  [State.STATE_UNSPECIFIED]: ['unknown', 'quiet'],
  [State.IN_FORCE]: ['in force', 'good'],
  [State.EXPIRED]: ['expired', 'quiet'],
  [State.REVOKED]: ['revoked', 'quiet'],
};

export interface KeyTableProps {
  readonly keys: readonly WriteKey[];
  readonly onDone: () => void;
}

export function KeyTable({ keys, onDone }: KeyTableProps) {
  return (
    <table class="plain" aria-label="Write keys">
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col">State</th>
          <th scope="col" class="wide">
            May send
          </th>
          <th scope="col">Last used</th>
          <th scope="col" class="wide">
            Made
          </th>
          <th scope="col" class="wide">
            Expires
          </th>
          <th scope="col">
            <span class="unseen">Acts</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key, index) => (
          <KeyRow key={`${key.id} ${index}`} of={key} onDone={onDone} />
        ))}
      </tbody>
    </table>
  );
}

function KeyRow({ of, onDone }: { readonly of: WriteKey; readonly onDone: () => void }) {
  const [words, tone] = states[of.state] ?? ['unknown', 'quiet'];
  return (
    <tr>
      <td>
        {of.source} <code class="quiet">{of.id}</code>
        {of.inFile && <span class="quiet"> in headgate.yaml</span>}
      </td>
      <td>
        <Tag tone={tone}>{words}</Tag>
        {of.expiringInUse && <Tag tone="warn">expires soon, in use</Tag>}
      </td>
      <td class="wide">
        {of.events.length === 0 ? 'every event' : of.events.join(', ')}
        <Limits of={of} />
        {of.relaySources.length > 0 && <p class="quiet">relays {of.relaySources.join(', ')}</p>}
      </td>
      <td>
        {of.lastUsedAt === undefined ? (
          <span class="quiet">never</span>
        ) : (
          <Time at={of.lastUsedAt} as="ago" />
        )}
      </td>
      <td class="wide">
        <Time at={of.createdAt} />{' '}
        {of.createdBy !== '' && <span class="quiet">by {of.createdBy}</span>}
      </td>
      <td class="wide">
        {of.revokedAt === undefined ? (
          <Time at={of.expiresAt} as="whole" />
        ) : (
          <Time at={of.revokedAt} />
        )}
        {of.revokedBy !== '' && <span class="quiet"> by {of.revokedBy}</span>}
      </td>
      <td>{of.state === State.IN_FORCE && <KeyActs of={of} onDone={onDone} />}</td>
    </tr>
  );
}

function Limits({ of }: { readonly of: WriteKey }) {
  if (of.limits === undefined) return null;
  const { eventsPerSecond, burst, bytesPerDay } = of.limits;
  const parts = [
    eventsPerSecond > 0 && `${countOf(eventsPerSecond, 'event')} a second`,
    burst > 0 && `at once ${burst}`,
    bytesPerDay > 0n && `${formatBytes(Number(bytesPerDay))} a day`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? null : <p class="quiet">at most {parts.join(', ')}</p>;
}
