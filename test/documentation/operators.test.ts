import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { readPage, root } from './markdown.ts';

/** On the public port. */
const publicServices = new Set(['TrackService', 'RelayService']);

const proto = path.join(root, 'proto/headgate/v1');

it("docs/send/endpoints.md lists the operators' services, every one and no other", () => {
  const services = readdirSync(proto).flatMap((name) =>
    [...readFileSync(path.join(proto, name), 'utf8').matchAll(/^service (\w+)/gm)].map(
      (found) => found[1]!,
    ),
  );
  const operators = services.filter((service) => !publicServices.has(service));
  const listed = [
    ...readPage('docs/send/endpoints.md').matchAll(/^\| `\/headgate\.v1\.(\w+)\/\*` \|/gm),
  ];
  expect(operators.length).toBeGreaterThan(5);
  expect(listed.map((found) => found[1]!).toSorted()).toEqual(operators.toSorted());
});
