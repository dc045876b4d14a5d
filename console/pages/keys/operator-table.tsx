import type { ListedOperator } from '../../../gen/headgate/v1/operator_service_pb.ts';
import { Tag } from '../../parts/tag.tsx';

export function OperatorTable({ operators }: { readonly operators: readonly ListedOperator[] }) {
  return (
    <table class="plain" aria-label="Operators">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col" class="wide">
            Token
          </th>
          <th scope="col" class="number">
            Open sessions
          </th>
        </tr>
      </thead>
      <tbody>
        {operators.map(({ name, role, builtIn, you, sessions }, index) => (
          <tr key={index}>
            <td>
              {name} {you && <Tag tone="quiet">you</Tag>}
            </td>
            <td>{role}</td>
            <td class="quiet wide">{builtIn ? 'of the setting admin' : 'of its own'}</td>
            <td class="number">{sessions}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
