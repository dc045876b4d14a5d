import { expect, test } from 'vitest';

import { traceDeliveries } from './delivery-spans.ts';
import { traceHttpRequests } from './http-client-spans.ts';
import { tracePublishing } from './publish-spans.ts';
import { traceRequests } from './request-spans.ts';
import { readTraceparent, writeTraceparent } from './trace-context.ts';
import { registeredTracer } from './tracer.ts';

test('without a tracer nothing is wrapped', () => {
  const handle = (): void => {};
  expect(registeredTracer()).toBeUndefined();
  expect(traceRequests(handle, () => '/v1/track')).toBe(handle);
  expect(tracePublishing(handle)).toBe(handle);
  expect(traceDeliveries('crm')).toBeUndefined();
  expect(traceHttpRequests(new URL('http://127.0.0.1'))).toBeUndefined();
});

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test('reads a traceparent and writes the same one', () => {
  const text = `00-${traceId}-${spanId}-01`;
  const context = readTraceparent(text, 'a=1,b=2')!;
  expect(context).toMatchObject({ traceId, spanId, traceFlags: 1, isRemote: true });
  expect(context.traceState?.serialize()).toBe('a=1,b=2');
  expect(writeTraceparent(context)).toBe(text);
});

test.each([
  '',
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  '00-1-2-3',
])('ignores the traceparent %j', (text) => {
  expect(readTraceparent(text, '')).toBeUndefined();
});
