/** A length that NATS subject tokens, column names and metric labels all allow. */
export const eventNameLengthMax = 128;

/** Takes linear time: after each underscore, a text matches in only one way. */
const snakePattern = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/** Words of lower snake case, such as `order_completed` or the verb `signed_up`. */
export function isSnakeCase(text: string): boolean {
  return text.length <= eventNameLengthMax && snakePattern.test(text);
}

/** A noun, an underscore and one of the verbs; a verb may contain underscores itself. */
export function isEventName(name: string, verbs: readonly string[]): boolean {
  return isSnakeCase(name) && verbs.some((verb) => name.endsWith(`_${verb}`));
}
