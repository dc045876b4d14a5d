/** `page` wakes somebody; `warn` is for working hours. */
export type Severity = 'page' | 'warn';

/** One alerting rule. Two rules may share a name: the same problem, for a longer time or worse. */
export interface Alert {
  /** `HeadgateVolumeDropped`; its runbook is docs/runbooks/volume-dropped.md. */
  readonly name: string;
  readonly severity: Severity;
  readonly expression: string;
  /** How long the expression must be true. */
  readonly for: string;
  /** What to do, in one sentence; Go templates. */
  readonly summary: string;
  /** What was measured, in figures. */
  readonly description: string;
}

/** A series that rules and dashboards share. */
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

/** Puts an expression on one line, whatever its layout in the source. */
export function promql(strings: TemplateStringsArray, ...values: (string | number)[]): string {
  return String.raw({ raw: strings }, ...values)
    .replaceAll(/\s+/g, ' ')
    .trim();
}
