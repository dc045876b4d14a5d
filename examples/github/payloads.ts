import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import type { JsonObject } from '../../src/event/json/json.ts';

/** A webhook delivery, as GitHub would send it. */
export interface Delivery {
  /** `api.github.com`, or a release of GitHub Enterprise Server: `ghes-35`. */
  readonly edition: string;
  /** GitHub's event, as in the header `X-GitHub-Event`. */
  readonly event: string;
  /** Its position among the examples of the event in its edition, from 0. */
  readonly index: number;
  readonly payload: JsonObject;
}

export interface Documented {
  readonly event: string;
  readonly actions: readonly string[];
}

interface Webhook {
  readonly name: string;
  readonly actions: readonly string[];
  readonly examples: readonly JsonObject[];
}

/** Reads all examples of `@octokit/webhooks-examples`, of every edition of GitHub. */
export function readDeliveries(): Delivery[] {
  return readEditions().flatMap(({ edition, webhooks }) =>
    webhooks.flatMap(({ name, examples }) =>
      examples.map((payload, index) => ({ edition, event: name, index, payload })),
    ),
  );
}

/** Reads the events and actions that the package documents, with or without an example. */
export function readDocumented(): Documented[] {
  return readEditions().flatMap(({ webhooks }) =>
    webhooks.map(({ name, actions }) => ({ event: name, actions })),
  );
}

/** The package's `main` has only one of six editions, so this reads its folders. */
function readEditions(): { edition: string; webhooks: Webhook[] }[] {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('@octokit/webhooks-examples/package.json'));
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map(({ name }) => name)
    .sort()
    .map((edition) => ({
      edition,
      webhooks: JSON.parse(readFileSync(join(folder, edition, 'index.json'), 'utf8')) as Webhook[],
    }));
}
