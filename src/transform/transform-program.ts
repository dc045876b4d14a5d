/** What an operator wrote to change events: a JSONata expression, or the text of a script. */
export interface TransformProgram {
  readonly kind: 'jsonata' | 'script';
  readonly text: string;
}

/**
 * Runs a program on one event, in the form of event-form.ts. Resolves to what it gave; rejects with
 * what it threw.
 */
export type RunProgram = (event: unknown) => Promise<unknown>;
