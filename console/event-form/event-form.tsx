import { useMemo } from 'preact/hooks';

import { layOutJson } from '../parts/json/format-json.ts';
import { parseExact } from './exact-json.ts';
import { fieldsOf, type Field } from './fields.ts';
import { FieldRow, type FieldProblem } from './field-row.tsx';

/** The changes of a form: values by their path, or the whole event. */
export interface EventChanges {
  /** The new JSON of a value by its JSON pointer; undefined removes it. */
  readonly values: ReadonlyMap<string, string | undefined>;
  /** The event as it was typed. It replaces the whole event, and `values` are ignored. */
  readonly whole: string | undefined;
}

export const noChanges: EventChanges = { values: new Map(), whole: undefined };

export interface EventFormProps {
  /** In the format of POST /v1/track. */
  readonly eventJson: string;
  /** The contract; undefined where the event has none. */
  readonly schemaJson: string | undefined;
  readonly violations: readonly FieldProblem[];
  /** Whether the name and the person can be changed, too. */
  readonly withIds: boolean;
  readonly changes: EventChanges;
  readonly onChange: (changes: EventChanges) => void;
}

/** The changes as the RPCs take them. */
export function editsOf({ values }: EventChanges): { path: string; valueJson: string }[] {
  return [...values].map(([path, json]) => ({ path, valueJson: json ?? '' }));
}

export function hasChanges({ values, whole }: EventChanges): boolean {
  return whole !== undefined || values.size > 0;
}

/** A form made from the contract of an event, with what is wrong beside each field. */
export function EventForm(props: EventFormProps) {
  const { eventJson, schemaJson, withIds, changes, onChange } = props;
  const fields = useMemo(
    () => readFields(eventJson, schemaJson, withIds),
    [eventJson, schemaJson, withIds],
  );
  const { whole } = changes;
  const isWhole = whole !== undefined || fields === undefined;
  const showWhole = (): void => onChange({ values: new Map(), whole: layOutJson(eventJson) });
  return (
    <>
      {fields !== undefined && (
        <div class="choices" role="group" aria-label="How to change the event">
          <button type="button" aria-pressed={!isWhole} onClick={() => onChange(noChanges)}>
            Fields
          </button>
          <button type="button" aria-pressed={isWhole} onClick={showWhole}>
            JSON
          </button>
        </div>
      )}
      {isWhole ? (
        <label class="field">
          <span>The event as JSON</span>
          <textarea
            rows={16}
            spellcheck={false}
            value={whole ?? eventJson}
            onInput={(event) => onChange({ values: new Map(), whole: event.currentTarget.value })}
          />
        </label>
      ) : (
        <FieldList {...props} fields={fields} />
      )}
    </>
  );
}

function FieldList(props: EventFormProps & { readonly fields: readonly Field[] }) {
  const { fields, violations, changes, onChange } = props;
  const at = (path: string): FieldProblem[] =>
    violations.filter((violation) => violation.path === path);
  const others = violations.filter(({ path }) => !fields.some((field) => field.path === path));
  const change = (field: Field, json: string | undefined): void => {
    const values = new Map(changes.values);
    if (json === field.json) values.delete(field.path);
    else values.set(field.path, json);
    onChange({ values, whole: undefined });
  };
  return (
    <>
      {others.map(({ path, message }, index) => (
        <p key={index} class="wrong">
          <code>{path || '/'}</code> {message}
        </p>
      ))}
      <div class="event-fields">
        {fields.map((field) => (
          <FieldRow
            key={field.path}
            field={field}
            json={changes.values.has(field.path) ? changes.values.get(field.path) : field.json}
            isChanged={changes.values.has(field.path)}
            violations={at(field.path)}
            onChange={(json) => change(field, json)}
          />
        ))}
      </div>
    </>
  );
}

/** Undefined if the event is not JSON: then it can only be typed as a whole. */
function readFields(eventJson: string, schemaJson: string | undefined, withIds: boolean) {
  try {
    return fieldsOf(parseExact(eventJson), schemaJson, withIds);
  } catch {
    return undefined;
  }
}
