/** As long as a NATS subject token, a column name and a metric label can bear without trouble. */
export const eventNameLengthMax = 128;

/** Linear: after each underscore there is one way only to go on. */
const snakePattern = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/** Words of lower snake case, such as `order_completed` or the verb `signed_up`. */
export function isSnakeCase(text: string): boolean {
  return text.length <= eventNameLengthMax && snakePattern.test(text);
}

/** A noun, an underscore and one of the verbs; a verb may have an underscore of its own. */
export function isEventName(name: string, verbs: readonly string[]): boolean {
  return isSnakeCase(name) && verbs.some((verb) => name.endsWith(`_${verb}`));
}
