import { useState } from 'preact/hooks';

import { Act, type Plan } from '../../parts/dialogs/act.tsx';
import { useService } from '../../service/service.ts';
import { NewKey } from './new-key.tsx';

interface Typed {
  readonly source: string;
  readonly events: string;
  readonly days: string;
  readonly eventsPerSecond: string;
}

const daySeconds = 86_400;
const sourcePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Makes a write key and shows it once. */
export function CreateKey({ onDone }: { readonly onDone: () => void }) {
  const { keys } = useService();
  const [typed, setTyped] = useState<Typed>(nothing);
  return (
    <Act
      button="Create a key…"
      title="Create a write key"
      needs="admin"
      form={<KeyForm typed={typed} onChange={setTyped} />}
      formKey={JSON.stringify(typed)}
      plan={async () => planOf(typed)}
      run={async () => {
        const { secret, warning, authOff } = await keys.createKey(requestOf(typed));
        const off = 'This gate asks for no keys (auth: off).';
        const source = typed.source.trim();
        setTyped(nothing);
        return <NewKey secret={secret} source={source} warning={authOff ? off : warning} />;
      }}
      onDone={onDone}
    />
  );
}

const nothing: Typed = { source: '', events: '', days: '', eventsPerSecond: '' };

function KeyForm({ typed, onChange }: { typed: Typed; onChange: (typed: Typed) => void }) {
  const field = (name: keyof Typed, label: string, hint: string) => (
    <label class="field">
      <span>{label}</span>
      <input
        value={typed[name]}
        placeholder={hint}
        spellcheck={false}
        autocomplete="off"
        inputMode={name === 'days' || name === 'eventsPerSecond' ? 'numeric' : 'text'}
        onInput={(event) => onChange({ ...typed, [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <div class="columns">
      {field('source', 'Source: who sends with it', 'shop')}
      {field('events', 'Events it may send', 'all, or order_*, page_viewed')}
      {field('days', 'Expires after days', 'never')}
      {field('eventsPerSecond', 'Events a second, at most', 'no limit')}
    </div>
  );
}

function planOf(typed: Typed): Plan {
  const source = typed.source.trim();
  const isComplete = sourcePattern.test(source);
  const days = numberOf(typed.days);
  const limit = numberOf(typed.eventsPerSecond);
  const wrong = [
    source !== '' && !isComplete && 'A source has at most 64 of a-z, 0-9, _ and -.',
    days === undefined && 'Days are a whole number.',
    limit === undefined && 'Events a second are a whole number.',
  ].find((part) => part !== false);
  return {
    facts: [
      ['May send', globsOf(typed.events).join(', ') || 'every event'],
      ['As the source', source || 'type one above'],
    ],
    note: wrong,
    confirm: isComplete && wrong === undefined ? 'Create the key' : undefined,
  };
}

function requestOf(typed: Typed) {
  const days = numberOf(typed.days) ?? 0;
  const eventsPerSecond = numberOf(typed.eventsPerSecond) ?? 0;
  return {
    source: typed.source.trim(),
    events: globsOf(typed.events),
    ...(days > 0 && { lifetime: { seconds: BigInt(days * daySeconds), nanos: 0 } }),
    ...(eventsPerSecond > 0 && { limits: { eventsPerSecond } }),
  };
}

function globsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '');
}

/** 0 for an empty text; undefined if it is no whole number. */
function numberOf(text: string): number | undefined {
  if (text.trim() === '') return 0;
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined;
}
