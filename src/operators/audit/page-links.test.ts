import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';

import { ListDeadLettersRequestSchema } from '../../../gen/headgate/v1/dead_letter_service_pb.ts';
import { ListRejectedRequestSchema } from '../../../gen/headgate/v1/rejected_service_pb.ts';
import { createPageLinks } from './page-links.ts';

const entry = { id: '1d28405d-9185-4e83-b767-44d17a84e516', first: 7, page: 2 };
const request = (fields: object = {}, operator = 'ada') => ({
  operator,
  input: ListDeadLettersRequestSchema,
  message: create(ListDeadLettersRequestSchema, { destination: 'crm', ...fields }),
});

test('a token leads to its entry, with pages of another size and another beginning', () => {
  const links = createPageLinks();
  const token = links.write('dead:3-1-9', request(), entry);
  expect(links.read(token, request())).toEqual({ pageToken: 'dead:3-1-9', entry });
  const later = request({ pageSize: 7, pageToken: token, since: timestampFromMs(1) });
  expect(links.read(token, later).entry).toEqual(entry);
});

test('a token of something else begins a new entry', () => {
  const links = createPageLinks();
  const token = links.write('dead:3-1-9', request(), entry);
  const [position, link] = token.split('~') as [string, string];
  const others = [
    links.read(token, request({ destination: 'erp' })),
    links.read(token, request({}, 'bob')),
    links.read(token, {
      operator: 'ada',
      input: ListRejectedRequestSchema,
      message: create(ListRejectedRequestSchema),
    }),
    links.read(`dead:1-1-9~${link}`, request()),
    links.read(token.replace('~2.', '~3.'), request()),
    links.read(`${token.slice(0, -2)}xx`, request()),
    links.read(position, request()),
    links.read(`${position}~`, request()),
    createPageLinks().read(token, request()),
  ];
  expect(others.map(({ entry: linked }) => linked)).toEqual(others.map(() => undefined));
  expect(others[0]!.pageToken).toBe('dead:3-1-9');
});

test('a token leads to its entry for an hour', () => {
  let now = 1_000;
  const links = createPageLinks(() => now);
  const token = links.write('dead:3-1-9', request(), entry);
  now += 3_600_000;
  expect(links.read(token, request()).entry).toEqual(entry);
  now += 1;
  expect(links.read(token, request()).entry).toBeUndefined();
});
