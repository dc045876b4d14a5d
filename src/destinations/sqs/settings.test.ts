import { expect, test } from 'vitest';

import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';
import { readSqsSettings } from './settings.ts';

const url = 'https://sqs.eu-west-1.amazonaws.com/123456789012/events';
const settings: DestinationSettings = {
  queue_url: url,
  region: null,
  group_by: null,
  format: 'headgate',
  timeout: 1_000,
  concurrency: 8,
};

test('settings are read, and a standard queue has no groups', () => {
  expect(readSqsSettings('queue', settings)).toEqual({
    queueUrl: url,
    endpoint: 'https://sqs.eu-west-1.amazonaws.com',
    isFifo: false,
    region: 'eu-west-1',
    groupBy: undefined,
    format: 'headgate',
    timeoutMs: 1_000,
    concurrency: 8,
  });
});

test('a FIFO queue is known by its name, and has groups', () => {
  const fifo = { ...settings, queue_url: `${url}.fifo` };
  expect(readSqsSettings('queue', fifo)).toMatchObject({ isFifo: true, groupBy: 'source' });
  expect(readSqsSettings('queue', { ...fifo, group_by: 'user' }).groupBy).toBe('user');
  expect(readSqsSettings('queue', { ...settings, group_by: 'event' }).groupBy).toBe('event');
});

test.each([
  ['https://sqs.us-gov-west-1.amazonaws.com/1/q', 'us-gov-west-1'],
  ['https://sqs.cn-north-1.amazonaws.com.cn/1/q', 'cn-north-1'],
  ['https://sqs-fips.us-east-1.amazonaws.com/1/q', 'us-east-1'],
  ['https://sqs.eu-west-1.api.aws/1/q', 'eu-west-1'],
  ['https://vpce-1-2.sqs.eu-west-1.vpce.amazonaws.com/1/q', 'eu-west-1'],
  ['https://ap-south-1.queue.amazonaws.com/1/q', 'ap-south-1'],
  ['http://127.0.0.1:9324/1/q', undefined],
  ['https://sqs.eu-west-1.amazonaws.com.example/1/q', undefined],
])('the region in %s is %s', (queueUrl, region) => {
  expect(readSqsSettings('queue', { ...settings, queue_url: queueUrl }).region).toBe(region);
});

test('a given region comes before the one in the URL', () => {
  expect(readSqsSettings('queue', { ...settings, region: 'us-east-2' }).region).toBe('us-east-2');
});

test.each([
  [{ queue_url: 'events' }, 'queue.queue_url: it is not the URL of a queue'],
  [{ queue_url: 'arn:aws:sqs:eu-west-1:123456789012:events' }, 'queue_url'],
  [{ queue_url: 'https://sqs.eu-west-1.amazonaws.com/' }, 'queue_url'],
  [{ queue_url: `${url}?Action=SendMessage` }, 'queue_url'],
  [{ queue_url: 'https://sqs.eu-west-1.amazonaws.com/1/a.b' }, 'queue_url'],
  [{ queue_url: `https://x/1/${'q'.repeat(81)}` }, 'queue_url'],
  [{ queue_url: 'https://user:hidden@host/1/q' }, 'leave out the user and password'],
  [{ group_by: 'session' }, 'queue.group_by: use one of source, event, user'],
  [{ region: 'EU West' }, 'queue.region'],
  [{ timeout: 0 }, 'queue.timeout'],
  [{ format: 'avro' }, 'queue.format'],
])('refuses %j and says how to fix it', (more, text) => {
  const read = (): unknown => readSqsSettings('queue', { ...settings, ...more });
  expect(read).toThrow(StartError);
  expect(read).toThrow(text);
  expect(read).not.toThrow('hidden');
});
