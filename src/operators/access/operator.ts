import {
  createContextKey,
  createContextValues,
  type ContextValues,
  type HandlerContext,
} from '@connectrpc/connect';

import type { OperatorRole } from '../../config/operators/operator-entry.ts';

/** Who sent a request to the admin port. */
export interface Operator {
  /** `operators[].name`; `admin` or `metrics` for the tokens of `admin`. */
  readonly name: string;
  readonly role: OperatorRole;
  /** The IP address that the request came from: `trusted_proxies` applies. Empty if it is not known. */
  readonly address: string;
}

/** The context of a handler, or the request of an interceptor. */
export type OperatorContext =
  | Pick<HandlerContext, 'values'>
  | { readonly contextValues: ContextValues };

interface Entered {
  readonly operator: Operator;
  /** Whether the token that the operator sent still has this name and role. */
  readonly isCurrent: () => boolean;
}

const enteredKey = createContextKey<Entered | undefined>(undefined);

/** The context of an RPC that an operator calls. Callers cannot set it: it is no header. */
export function contextOf(operator: Operator, isCurrent: () => boolean): ContextValues {
  return createContextValues().set(enteredKey, { operator, isCurrent });
}

/**
 * Who calls an RPC of the admin port: for its handler (`HandlerContext`) and for interceptors (their
 * request). Throws an Error outside of the admin port.
 */
export function operatorOf(context: OperatorContext): Operator {
  return enteredOf(context).operator;
}

/** The same for what is logged; undefined outside of the admin port. */
export function knownOperator(context: OperatorContext): Operator | undefined {
  return valuesOf(context).get(enteredKey)?.operator;
}

/** False once the token was removed from the configuration, or has another role there. */
export function isCurrentOperator(context: OperatorContext): boolean {
  return enteredOf(context).isCurrent();
}

function enteredOf(context: OperatorContext): Entered {
  const entered = valuesOf(context).get(enteredKey);
  if (entered === undefined) throw new Error('an RPC of the admin port without an operator');
  return entered;
}

function valuesOf(context: OperatorContext): ContextValues {
  return 'values' in context ? context.values : context.contextValues;
}
