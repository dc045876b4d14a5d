import { Tag } from '../../parts/tag.tsx';
import { Time } from '../../parts/time.tsx';
import { personOf, type LiveEvent } from './live-event.ts';

export const columns = [
  { title: 'Received', width: 'time', cell: (row: LiveEvent) => <Time at={row.receivedAt} /> },
  { title: 'Verdict', width: 'tag', cell: (row: LiveEvent) => <VerdictTag of={row} /> },
  { title: 'Event', width: 'name', cell: (row: LiveEvent) => row.eventName || '(no name)' },
  { title: 'Source', width: 'tag', isWide: true, cell: (row: LiveEvent) => row.source },
  { title: 'Person', width: 'name', isWide: true, cell: personOf },
  {
    title: 'Note',
    isWide: true,
    cell: (row: LiveEvent) => row.error?.message ?? row.warnings[0]?.message ?? '',
  },
] as const;

export function VerdictTag({ of }: { readonly of: Pick<LiveEvent, 'isAccepted' | 'warnings'> }) {
  if (!of.isAccepted) return <Tag tone="bad">refused</Tag>;
  return of.warnings.length > 0 ? <Tag tone="warn">warned</Tag> : <Tag tone="good">accepted</Tag>;
}
