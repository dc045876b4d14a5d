import type { Violation } from '../../gen/headgate/v1/event_result_pb.ts';

/** Where an event breaks its contract, and what is expected there. */
export function Violations({ of }: { readonly of: readonly Violation[] }) {
  if (of.length === 0) return null;
  return (
    <table class="plain violations" aria-label="Violations">
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">What is wrong</th>
        </tr>
      </thead>
      <tbody>
        {of.map(({ path, message, expected, suggestion, description }, index) => (
          <tr key={index}>
            <td>
              <code>{path || '/'}</code>
            </td>
            <td>
              {message}
              {expected !== '' && !message.includes(expected) && (
                <span class="quiet"> Expected: {expected}.</span>
              )}
              {suggestion !== '' && !message.includes(suggestion) && (
                <span class="quiet"> Did you mean {suggestion}?</span>
              )}
              {description !== '' && <p class="quiet">{description}</p>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
