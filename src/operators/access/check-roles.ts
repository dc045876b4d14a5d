import type { Interceptor } from '@connectrpc/connect';

import { ServiceError } from '../../errors.ts';
import { isCurrentOperator, operatorOf, type OperatorContext } from './operator.ts';
import { includesRole, roleNeededBy } from './roles.ts';

/**
 * Refuses an RPC to an operator whose role does not include the one that it needs, and an RPC that the
 * table of roles does not have to everyone. A stream ends before its first message after the operator
 * has lost the token or the role.
 */
export const checkRoles: Interceptor = (next) => async (request) => {
  const { name, role } = operatorOf(request);
  const rpc = `${request.service.typeName}/${request.method.name}`;
  const needed = Object.hasOwn(roleNeededBy, rpc) ? roleNeededBy[rpc] : undefined;
  if (needed === undefined) {
    throw new ServiceError('operator_not_allowed', `${rpc} has no role that may call it.`);
  }
  if (!includesRole(role, needed)) {
    throw new ServiceError(
      'operator_not_allowed',
      `${rpc} needs the role ${needed}, and ${name} has the role ${role}.`,
    );
  }
  const response = await next(request);
  if (!response.stream) return response;
  return { ...response, message: whileCurrent(response.message, request) };
};

async function* whileCurrent<Message>(
  messages: AsyncIterable<Message>,
  context: OperatorContext,
): AsyncGenerator<Message> {
  for await (const message of messages) {
    if (!isCurrentOperator(context)) {
      const { name } = operatorOf(context);
      throw new ServiceError(
        'operator_not_allowed',
        `The token of ${name} was removed, or has another role now.`,
      );
    }
    yield message;
  }
}
