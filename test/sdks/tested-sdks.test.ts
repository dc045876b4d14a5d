import { expect, test } from 'vitest';

import { readPage } from '../documentation/markdown.ts';
import { versionsTable } from './versions-table.ts';
import { sdks } from './sdks.ts';

test('docs/send/tested-sdks.md says which SDKs were run', () => {
  expect(readPage('docs/send/tested-sdks.md')).toContain(`\n${versionsTable(sdks)}\n`);
});
