import { Tag } from '../../parts/tag.tsx';

export function ModeTag({ of }: { readonly of: string }) {
  return <Tag tone={of === 'enforce' ? 'good' : 'warn'}>{of || 'no mode'}</Tag>;
}
