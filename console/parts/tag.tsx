import type { ComponentChildren } from 'preact';

export type Tone = 'good' | 'bad' | 'warn' | 'quiet';

/** A state in one or two words. The words carry the meaning; the colour repeats it. */
export function Tag({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`tag ${tone}`}>{children}</span>;
}
