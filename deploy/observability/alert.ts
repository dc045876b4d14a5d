/** `page` wakes somebody; `warn` is for the working day. */
export type Severity = 'page' | 'warn';

/** One rule that fires. Two rules may share a name: the same fault, for longer or worse. */
export interface Alert {
  /** `HeadgateVolumeDropped`; its runbook is docs/runbooks/volume-dropped.md. */
  readonly name: string;
  readonly severity: Severity;
  readonly expression: string;
  /** How long it must hold. */
  readonly for: string;
  /** What to do, in one sentence; Go templates. */
  readonly summary: string;
  /** What was seen, in figures. */
  readonly description: string;
}

/** A series that rules and dashboards have in common. */
export interface Recording {
  readonly name: string;
  readonly expression: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RuleGroup {
  readonly name: string;
  readonly recordings: readonly Recording[];
  readonly alerts: readonly Alert[];
}

/** `HeadgateVolumeDropped` to `volume-dropped`. */
export function runbookOf(alert: Pick<Alert, 'name'>): string {
  const words = alert.name.replace(/^Headgate/, '').match(/[A-Z][a-z]+/g)!;
  return words.join('-').toLowerCase();
}

/** An expression on one line, however it is laid out here. */
export function promql(strings: TemplateStringsArray, ...values: (string | number)[]): string {
  return String.raw({ raw: strings }, ...values)
    .replaceAll(/\s+/g, ' ')
    .trim();
}
