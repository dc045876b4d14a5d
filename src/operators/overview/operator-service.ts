import type { ServiceImpl } from '@connectrpc/connect';

import type { OperatorService } from '../../../gen/headgate/v1/operator_service_pb.ts';
import { reservedOperatorNames } from '../../config/operators/operator-entry.ts';
import type { PortAccess } from '../access/port-access.ts';
import { operatorOf } from '../access/operator.ts';

/** `headgate.v1.OperatorService`, for the admin port. It shows no token, and no hash of one. */
export function createOperatorService({
  operators,
  sessionsOf,
}: Pick<PortAccess, 'operators' | 'sessionsOf'>): ServiceImpl<typeof OperatorService> {
  return {
    listOperators: (_request, context) => {
      const you = operatorOf(context).name;
      const named = operators().map(({ name, role }) => ({ name, role, builtIn: false }));
      const builtIn = reservedOperatorNames.map((name) => ({ name, role: name, builtIn: true }));
      return {
        operators: [...builtIn, ...named].map((one) => ({
          ...one,
          you: one.name === you,
          sessions: sessionsOf(one.name),
        })),
      };
    },
  };
}
