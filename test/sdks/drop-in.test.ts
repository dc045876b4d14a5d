import { expect, test } from 'vitest';

import { readPage } from '../documentation/markdown.ts';
import { dropInTable } from './drop-in-table.ts';
import { sdks } from './sdks.ts';

test('docs/send/drop-in.md says which SDKs were run', () => {
  expect(readPage('docs/send/drop-in.md')).toContain(`\n${dropInTable(sdks)}\n`);
});
