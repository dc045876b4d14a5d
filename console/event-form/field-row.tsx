import { useId } from 'preact/hooks';

import type { Violation } from '../../gen/headgate/v1/event_result_pb.ts';
import { convertedJson, inputOfJson, jsonOfInput, type Field } from './fields.ts';

/** What is wrong with a value. */
export type FieldProblem = Pick<Violation, 'path' | 'message'>;

export interface FieldRowProps {
  readonly field: Field;
  readonly json: string | undefined;
  readonly isChanged: boolean;
  readonly violations: readonly FieldProblem[];
  readonly onChange: (json: string | undefined) => void;
}

/** One value with its name, what the contract says about it, and what is wrong with it. */
export function FieldRow({ field, json, isChanged, violations, onChange }: FieldRowProps) {
  const id = useId();
  const converted = convertedJson(field, json);
  return (
    <div
      class={`event-field${violations.length > 0 ? ' has-wrong' : ''}${isChanged ? ' changed' : ''}`}
    >
      <label for={id}>
        {field.label}
        {field.isRequired && <span class="quiet"> required</span>}
        {!field.isPlanned && <span class="quiet"> not in the contract</span>}
      </label>
      <div class="event-value">
        <FieldInput
          id={id}
          field={field}
          json={json}
          onChange={onChange}
          isWrong={violations.length > 0}
        />
        {converted !== undefined && (
          <button type="button" class="small" onClick={() => onChange(converted)}>
            Change to {converted}
          </button>
        )}
        {json !== undefined && !field.isRequired && (
          <button
            type="button"
            class="small"
            aria-label={`Remove ${field.label}`}
            onClick={() => onChange(undefined)}
          >
            Remove
          </button>
        )}
      </div>
      <div id={`${id}-about`}>
        {violations.map(({ message }, index) => (
          <p key={index} class="wrong">
            {message}
          </p>
        ))}
        {field.description !== '' && <p class="quiet">{field.description}</p>}
      </div>
    </div>
  );
}

interface FieldInputProps {
  readonly id: string;
  readonly field: Field;
  readonly json: string | undefined;
  readonly isWrong: boolean;
  readonly onChange: (json: string | undefined) => void;
}

function FieldInput({ id, field, json, isWrong, onChange }: FieldInputProps) {
  const about = { id, 'aria-describedby': `${id}-about`, 'aria-invalid': isWrong };
  if (field.kind === 'choice' || field.kind === 'boolean') {
    const choices = field.kind === 'boolean' ? ['true', 'false'] : field.choices;
    const shown = json === undefined || choices.includes(json) ? choices : [json, ...choices];
    return (
      <select
        {...about}
        value={json ?? ''}
        onChange={(event) => onChange(event.currentTarget.value || undefined)}
      >
        <option value="" selected={json === undefined}>
          (none)
        </option>
        {shown.map((choice) => (
          <option key={choice} value={choice} selected={choice === json}>
            {choice.startsWith('"') ? (JSON.parse(choice) as string) : choice}
          </option>
        ))}
      </select>
    );
  }
  const value = inputOfJson(field, json);
  const type = (event: { currentTarget: { value: string } }): void =>
    onChange(jsonOfInput(field, event.currentTarget.value));
  if (field.kind === 'json') {
    return <textarea {...about} rows={2} spellcheck={false} value={value} onChange={type} />;
  }
  return (
    <input
      {...about}
      value={value}
      spellcheck={false}
      autocomplete="off"
      inputMode={field.kind === 'number' ? 'decimal' : 'text'}
      onInput={type}
    />
  );
}
