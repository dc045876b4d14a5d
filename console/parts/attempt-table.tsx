import type { DeliveryAttempt } from '../../gen/headgate/v1/dead_letter_pb.ts';
import { formatDuration } from './figures.ts';
import { Time } from './time.tsx';

/** Failed attempts to deliver one event, with the answers. */
export function AttemptTable({ attempts }: { readonly attempts: readonly DeliveryAttempt[] }) {
  if (attempts.length === 0) return <p class="quiet">No attempt failed.</p>;
  return (
    <table class="plain" aria-label="Attempts">
      <thead>
        <tr>
          <th scope="col">Attempt</th>
          <th scope="col">When</th>
          <th scope="col" class="wide number">
            Took
          </th>
          <th scope="col">Answer</th>
        </tr>
      </thead>
      <tbody>
        {attempts.map((attempt, index) => (
          <tr key={index}>
            <td>
              {attempt.attempt}
              {!attempt.charged && <span class="quiet"> (does not count)</span>}
            </td>
            <td>
              <Time at={attempt.startedAt} />
            </td>
            <td class="wide number">{formatDuration(attempt.durationMs)}</td>
            <td>
              {attempt.status !== '' && <strong>{attempt.status} </strong>}
              {attempt.error}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
