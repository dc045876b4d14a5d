/** What a command has of the process it runs in: read once, in main.ts. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
}
