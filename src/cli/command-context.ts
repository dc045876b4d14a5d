/** The part of the process that a command may use. Read once, in main.ts. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
}
