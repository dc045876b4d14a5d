import type { OperatorEntry } from '../../config/operators/operator-entry.ts';

/** Who may use the port, for the RPCs that show it. */
export interface PortAccess {
  /** The named operators in force. */
  readonly operators: () => readonly OperatorEntry[];
  /** How many sessions of the console an operator has open. */
  readonly sessionsOf: (name: string) => number;
  /** Whether the console is built, and served. Rejects if its files cannot be read. */
  readonly servesConsole: () => Promise<boolean>;
}
