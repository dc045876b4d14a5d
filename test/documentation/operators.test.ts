import { expect, it } from 'vitest';

import { operatorsServices } from '../operators/operators-services.ts';
import { readPage } from './markdown.ts';

it("docs/send/endpoints.md lists the operators' services, every one and no other", async () => {
  const operators = (await operatorsServices()).map(({ name }) => name);
  const listed = [
    ...readPage('docs/send/endpoints.md').matchAll(/^\| `\/headgate\.v1\.(\w+)\/\*` \|/gm),
  ];
  expect(operators.length).toBeGreaterThan(5);
  expect(listed.map((found) => found[1]!).toSorted()).toEqual(operators.toSorted());
});
