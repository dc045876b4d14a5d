/** What an operator may do on the admin port, from least to most; `metrics` is apart. */
export const operatorRoles = ['viewer', 'operator', 'admin', 'metrics'] as const;
export type OperatorRole = (typeof operatorRoles)[number];

/** An entry of `operators`. */
export interface OperatorEntry {
  readonly name: string;
  readonly role: OperatorRole;
  /** `sha256:` and the hex digest of the token. */
  readonly hash: string;
}

/** A name is shown in logs and refusals, hence the narrow alphabet. Email addresses fit. */
export const operatorNamePattern = /^[a-z0-9][a-z0-9_.@+-]{0,63}$/;

/** The names of the two tokens that are not under `operators`. */
export const reservedOperatorNames: readonly string[] = ['admin', 'metrics'];

/** Each is compared at every change of the file. */
export const operatorEntriesMax = 1_000;
