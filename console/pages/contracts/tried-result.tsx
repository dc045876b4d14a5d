import { useEffect, useRef } from 'preact/hooks';

import type {
  TriedExample,
  TrySchemaResponse,
} from '../../../gen/headgate/v1/schema_registry_service_pb.ts';
import { linkTo } from '../../navigation/address.ts';
import { countOf, formatCount } from '../../parts/figures.ts';
import { Facts, type Fact } from '../../parts/facts.tsx';

const rulesMax = 20;

export function triedFacts(of: TrySchemaResponse): Fact[] {
  return [
    ['Stored events read', formatCount(of.stored)],
    ['Would still be accepted', formatCount(of.storedPass)],
    ['With a warning', of.storedWarned > 0n && formatCount(of.storedWarned)],
    ['Would be refused', <Refused of={of.storedRejected} />],
    ['Refused events read', formatCount(of.rejected)],
    ['Would be accepted now', of.rejected > 0n && formatCount(of.rejectedNewlyAccepted)],
  ];
}

function Refused({ of }: { readonly of: bigint }) {
  return <strong class={of > 0n ? 'wrong' : ''}>{formatCount(of)}</strong>;
}

/** The verdicts that a schema would have given, and the rules that events break. */
export function TriedResult({ of }: { readonly of: TrySchemaResponse }) {
  const shown = useRef<HTMLDivElement>(null);
  useEffect(() => shown.current?.scrollIntoView({ block: 'nearest' }), [of]);
  return (
    <div role="status" ref={shown} class="in-sight">
      <Facts of={triedFacts(of)} />
      {of.incomplete && <p class="note">There are more events in this time than were read.</p>}
      {of.rules.length > 0 && (
        <table class="plain" aria-label="Broken rules">
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Rule</th>
              <th scope="col" class="number">
                Events
              </th>
            </tr>
          </thead>
          <tbody>
            {of.rules
              .slice(0, rulesMax)
              .map(({ path, code, message, stored, rejected, examples }) => (
                <tr key={`${path} ${code}`}>
                  <td>
                    <code>{path || '/'}</code>
                  </td>
                  <td>
                    {message} <Examples of={examples} />
                  </td>
                  <td class="number">{formatCount(stored + rejected)}</td>
                </tr>
              ))}
          </tbody>
          {of.rules.length > rulesMax && (
            <caption>{countOf(of.rules.length - rulesMax, 'rule')} more</caption>
          )}
        </table>
      )}
    </div>
  );
}

function Examples({ of }: { readonly of: readonly TriedExample[] }) {
  const [first] = of;
  if (first === undefined) return null;
  const href =
    first.stream === 'REJECTED'
      ? linkTo('/refused', { open: String(first.sequence), with: 'all' })
      : linkTo('/find', { q: first.idempotencyKey });
  return <a href={href}>Example</a>;
}
