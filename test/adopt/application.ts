import { createRequire } from 'node:module';

import { titles } from '../observe/segment-titles.ts';

/** So many events of each name: enough for "schemas infer" to say what is required. */
export const eventsOfName = 25;

/** What one program tracks. */
export interface Call {
  readonly event: string;
  readonly userId: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The calls of an ordinary application in one round: other values in each, always of the same kinds. */
export function callsOf(round: number): Call[] {
  return titles.flatMap((event, place) =>
    Array.from({ length: eventsOfName }, (_, at) => {
      const id = round * eventsOfName + at;
      return { event, userId: `u-${id % 40}`, properties: propertiesOf(event, place, id) };
    }),
  );
}

/** Texts, numbers, lists and objects in turn; each third event leaves an optional property out. */
function propertiesOf(event: string, place: number, id: number): Record<string, unknown> {
  const plan = ['free', 'team', 'enterprise'][id % 3]!;
  const screen = { path: `/${place}/${id % 7}`, referrer: id % 2 === 0 ? 'search' : 'mail' };
  const optional = id % 3 === 0 ? {} : { campaign: `c-${id % 5}` };
  const common = { plan, screen, ...optional };
  if (event.startsWith('Order')) {
    const products = [{ sku: `P-${id % 9}`, quantity: 1 + (id % 4) }];
    return { ...common, order_id: `A-${place}-${id}`, total: id + 0.5, currency: 'EUR', products };
  }
  return place % 2 === 0
    ? { ...common, position: id % 12, first: id % 2 === 0 }
    : { ...common, seconds: id / 4, tags: [`t-${id % 3}`, `t-${id % 4}`] };
}

/** The program of the application: sends what it reads by Segment's SDK; its only setting is the host. */
export const program = `
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const { Analytics } = createRequire(import.meta.url)(${JSON.stringify(sdkFile())});
const analytics = new Analytics({ writeKey: 'any', host: process.argv[2], path: '/v1/segment/batch' });
let failed = 0;
analytics.on('error', () => (failed += 1));
for (const call of JSON.parse(readFileSync(0, 'utf8'))) analytics.track(call);
await analytics.closeAndFlush({ timeout: 30_000 });
process.exitCode = failed === 0 ? 0 : 1;
`;

/** The SDK of this checkout: the application is there before Headgate. */
function sdkFile(): string {
  return createRequire(import.meta.url).resolve('@segment/analytics-node');
}
