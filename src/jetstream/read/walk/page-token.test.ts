import { describe, expect, it } from 'vitest';

import { ServiceError } from '../../../errors.ts';
import { eventPosition, partitionsMax } from '../../events/event-position.ts';
import { readPageToken, writePageToken, type PagedList } from './page-token.ts';

const position = { next: 12, from: 1, upTo: 300 };

const refused = (list: PagedList, streams: 1 | 2, token: string): string => {
  try {
    readPageToken(list, streams, token);
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ code: 'malformed_request' });
    return (error as Error).message;
  }
  throw new Error(`${token} was accepted`);
};

describe('a page token', () => {
  it('reads back what was written', () => {
    expect(readPageToken('events', 1, writePageToken('events', [[position]]))).toEqual([
      [position],
    ]);
    const two = writePageToken('located', [undefined, [position]]);
    expect(readPageToken('located', 2, two)).toEqual(['done', [position]]);
    const positionMax = eventPosition(partitionsMax, 0) - 1;
    const last = { next: positionMax, from: positionMax, upTo: positionMax };
    const all = Array.from({ length: partitionsMax }, () => last);
    expect(readPageToken('located', 2, writePageToken('located', [all, all]))).toEqual([all, all]);
  });

  it('is empty before the first page and after the last', () => {
    expect(readPageToken('rejected', 1, '')).toEqual(['beginning']);
    expect(readPageToken('located', 2, '')).toEqual(['beginning', 'beginning']);
    expect(writePageToken('dead', [undefined])).toBe('');
    expect(writePageToken('located', [undefined, undefined])).toBe('');
  });

  it('is refused if it belongs to another list', () => {
    const lists = ['events', 'rejected', 'dead'] as const;
    for (const list of lists) {
      const token = writePageToken(list, [[position]]);
      for (const other of lists.filter((each) => each !== list)) {
        expect(refused(other, 1, token)).toContain('another list');
      }
      expect(refused('located', 2, token)).toContain('another list');
    }
    expect(refused('events', 1, writePageToken('located', [[position], undefined]))).toContain(
      'another list',
    );
  });

  it('is refused if it is malformed', () => {
    const malformed = [
      'x',
      '4',
      '12-1-300',
      'events',
      'events:',
      'events:12',
      'events:12-1',
      'events:12-1-300-4',
      'events:12-1--3',
      'events:12345678901234567-1-300',
      'events:9007199254740992-1-300',
      'events:12-1-300.',
      'events:12-1-300.done',
      'events:12-1-300 ',
      'events:12-1-300/12-1-300',
      'events:done',
      `events:${'1'.repeat(10_000)}`,
    ];
    for (const token of malformed) {
      expect(refused('events', 1, token)).toContain('is not a next_page_token');
    }
    expect(refused('located', 2, 'located:12-1-300')).toContain('is not a next_page_token');
    expect(refused('located', 2, 'located:done/done')).toContain('is not a next_page_token');
  });
});
