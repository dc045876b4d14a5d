import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import type { Config } from '../config/config.ts';
import { destinationTypes } from '../destinations/registry.ts';
import { checkDestinations } from './check-destinations.ts';
import { CheckFindings } from './finding.ts';

const paths = destinationTypes.flatMap(({ type, settings }) =>
  Object.entries(settings)
    .filter(([, setting]) => setting.type === 'path')
    .map(([setting, { isMade, text }]) => ({ type, setting, isMade: isMade === true, text })),
);

test.each(paths)('the text of $type, $setting says whether it is created', ({ isMade, text }) => {
  expect(/(is|are) created\./.test(text)).toBe(isMade);
});

test.each(paths)('$type, $setting may be missing only if it is made', async (one) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-doctor-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const findings = new CheckFindings('destinations');
  const settings = { [one.setting]: path.join(folder, 'missing', 'file') };
  const destinations = [{ name: 'far', type: one.type, settings }];
  await checkDestinations(findings, { destinations } as unknown as Config);
  const failures = findings.all.filter(({ level }) => level === 'failure').map(({ mend }) => mend);
  const fix = `Fix destinations.far.${one.setting}, or the file and its permissions.`;
  expect(failures).toEqual(one.isMade ? [] : [fix]);
});
