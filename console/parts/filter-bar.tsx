import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { useFilters, type Filters } from '../navigation/address.ts';
import { timeOfFilter } from './time-filter.ts';

export interface TextFilterProps {
  /** In the address. */
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
}

const typingMs = 300;

/** A filter of the page that is typed. It is in the address a moment after the last key. */
export function TextFilter({ name, label, hint }: TextFilterProps) {
  const filters = useFilters();
  const current = filters.get(name);
  const [text, setText] = useState(current);
  const known = useRef(current);
  // Only when the address changes: what is typed before the first drawing stays.
  useEffect(() => {
    if (known.current !== current) setText(current);
    known.current = current;
  }, [current]);
  useEffect(() => {
    if (text.trim() === current) return undefined;
    const timer = setTimeout(
      () => filters.set({ [name]: text.trim(), open: '' }, 'replace'),
      typingMs,
    );
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="filter">
      <span>{label}</span>
      <input
        type="search"
        value={text}
        placeholder={hint ?? ''}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </label>
  );
}

export interface ChoiceFilterProps {
  readonly name: string;
  readonly label: string;
  /** Values of the address with their words; the first one has the value ''. */
  readonly choices: readonly (readonly [value: string, words: string])[];
}

export function ChoiceFilter({ name, label, choices }: ChoiceFilterProps) {
  const filters = useFilters();
  const current = filters.get(name);
  const isListed = choices.some(([value]) => value === current);
  const shown = isListed ? choices : [...choices, [current, current] as const];
  return (
    <label class="filter">
      <span>{label}</span>
      <select
        value={current}
        onChange={(event) => filters.set({ [name]: event.currentTarget.value, open: '' })}
      >
        {shown.map(([value, words]) => (
          <option key={value} value={value} selected={value === current}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

export function FilterBar({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <form
      class="filters"
      role="search"
      aria-label={label}
      onSubmit={(event) => event.preventDefault()}
    >
      {children}
    </form>
  );
}

export const spanChoices = [
  ['', 'Any time'],
  ['1h', 'Last hour'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
] as const;

/** The range of the filters `since` and `until`, as requests have it. Throws what `timeOfFilter` throws. */
export function rangeOf(filters: Filters) {
  const since = timeOfFilter(filters.get('since'));
  const until = timeOfFilter(filters.get('until'));
  return {
    ...(since !== undefined && { since: timestampFromMs(since) }),
    ...(until !== undefined && { until: timestampFromMs(until) }),
  };
}
