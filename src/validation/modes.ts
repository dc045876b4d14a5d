import type { ReportFault } from './registry-fault.ts';

/** The ways in which `properties` can break their schema, for which an event may have modes. */
export const violationKinds = [
  'missing_required',
  'wrong_type',
  'additional_property',
  'advanced_rule',
] as const;
export type ViolationKind = (typeof violationKinds)[number];

/**
 * What happens on a violation, the mildest first. With several violations, the strictest counts.
 */
export const violationActions = ['allow', 'strip', 'warn', 'quarantine', 'reject'] as const;
export type ViolationAction = (typeof violationActions)[number];

/** The action for each kind of violation of one event. */
export type ModesByKind = Readonly<Record<ViolationKind, ViolationAction>>;

/** The short forms: reject every kind, store every kind with a warning, or do not validate. */
export const validationModes = ['enforce', 'warn', 'off'] as const;
export type ValidationMode = (typeof validationModes)[number];

/** The mode of one event, as `taxonomy.yaml` states it. */
export type EventMode = ValidationMode | ModesByKind;

/** What happens to an unplanned event. It has no schema, so nothing can be stripped. */
export const unplannedModes = ['reject', 'quarantine', 'warn', 'allow'] as const;
export type UnplannedMode = (typeof unplannedModes)[number];

/** `on`: the modes of the taxonomy apply. `warn`: violations are reported, and refuse no event. */
export type Enforcement = 'on' | 'warn';

/** The action for each kind of violation; undefined if the mode validates nothing. */
export function modesByKind(mode: EventMode, enforcement: Enforcement): ModesByKind | undefined {
  if (mode === 'off') return undefined;
  if (mode === 'enforce') return enforcement === 'on' ? uniform('reject') : uniform('warn');
  if (mode === 'warn') return uniform('warn');
  const modes = enforcement === 'on' ? mode : softened(mode);
  return violationKinds.every((each) => modes[each] === 'allow') ? undefined : modes;
}

/** Under `warn`, properties that would be stripped are stored and reported. */
function softened(modes: ModesByKind): ModesByKind {
  return byKind((each) => (modes[each] === 'allow' ? 'allow' : 'warn'));
}

/** The mode for unplanned events under the current enforcement. */
export function unplannedMode(mode: UnplannedMode, enforcement: Enforcement): UnplannedMode {
  return enforcement === 'on' || mode === 'allow' ? mode : 'warn';
}

/** Whether events without an entry are stored. */
export function storesUnplanned(mode: UnplannedMode, enforcement: Enforcement): boolean {
  const used = unplannedMode(mode, enforcement);
  return used === 'warn' || used === 'allow';
}

/** The strictest of the actions; `allow` if there are no actions. */
export function strictest(actions: Iterable<ViolationAction>): ViolationAction {
  let rank = 0;
  for (const action of actions) rank = Math.max(rank, violationActions.indexOf(action));
  return violationActions[rank]!;
}

/**
 * `enforce`, or `additional_property: strip, advanced_rule: warn`: the differences from enforce.
 */
export function modeText(mode: EventMode): string {
  if (typeof mode === 'string') return mode;
  const parts = violationKinds
    .filter((each) => mode[each] !== 'reject')
    .map((each) => `${each}: ${mode[each]}`);
  return parts.length === 0 ? 'enforce' : parts.join(', ');
}

/** Reads the `mode` of an entry: a word, or a mapping from kinds to actions. */
export function readMode(value: unknown, place: string, report: ReportFault): EventMode {
  if (value === undefined) return 'enforce';
  const word = validationModes.find((known) => known === value);
  if (word !== undefined) return word;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return readKinds(value as Readonly<Record<string, unknown>>, place, report);
  }
  report(
    `${place} is not one of ${validationModes.join(', ')}, and not a mapping`,
    'Write one of them, or { additional_property: strip }; the default is enforce.',
  );
  return 'enforce';
}

function readKinds(
  fields: Readonly<Record<string, unknown>>,
  place: string,
  report: ReportFault,
): ModesByKind {
  for (const key of Object.keys(fields)) {
    if (violationKinds.some((known) => known === key)) continue;
    const elsewhere =
      key === 'unplanned_event'
        ? 'An event without an entry has no mode of its own: write unplanned: at the top.'
        : `Use one of ${violationKinds.join(', ')}.`;
    report(`${place}.${key} is not a kind of violation`, elsewhere);
  }
  return byKind((each) => readAction(each, fields[each], `${place}.${each}`, report));
}

function readAction(
  each: ViolationKind,
  value: unknown,
  place: string,
  report: ReportFault,
): ViolationAction {
  if (value === undefined) return 'reject';
  // Only a property unknown to the schema can be removed without breaking another rule.
  const actions = violationActions.filter(
    (action) => action !== 'strip' || each === 'additional_property',
  );
  const action = actions.find((known) => known === value);
  if (action !== undefined) return action;
  const why = value === 'strip' ? 'Only additional_property can be stripped. ' : '';
  const fix = `${why}Write one of them; the default is reject.`;
  report(`${place} is not one of ${actions.toReversed().join(', ')}`, fix);
  return 'reject';
}

function uniform(action: ViolationAction): ModesByKind {
  return byKind(() => action);
}

function byKind(actionOf: (each: ViolationKind) => ViolationAction): ModesByKind {
  const entries = violationKinds.map((each) => [each, actionOf(each)] as const);
  return Object.freeze(Object.fromEntries(entries)) as ModesByKind;
}
