import jsonata from 'jsonata';

import { StartError } from '../errors.ts';
import { TransformError } from './event-form.ts';
import type { RunProgram } from './transform-program.ts';

/** Functions whose result is another one at each call: every copy of an event must be the same. */
const unsteady = ['now', 'millis', 'random', 'shuffle'];

/** Compiles a JSONata expression (https://docs.jsonata.org). Throws a StartError that says where it is wrong. */
export function compileExpression(text: string): RunProgram {
  let expression: jsonata.Expression;
  try {
    expression = jsonata(text);
  } catch (cause) {
    const { message, position } = cause as { message: string; position?: number };
    const where = position === undefined ? '' : ` at character ${position}`;
    throw new StartError(`is not JSONata: ${message}${where}`, { cause });
  }
  for (const name of unsteady) {
    expression.registerFunction(name, () => {
      throw new TransformError(`$${name} is not available: a transform gives the same each time`);
    });
  }
  return (event) => expression.evaluate(event) as Promise<unknown>;
}
