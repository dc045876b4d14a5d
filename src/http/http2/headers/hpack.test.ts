import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ConnectionError } from '../frames.ts';
import { HpackDecoder } from './hpack-decode.ts';
import { HpackEncoder, writeInteger } from './hpack-encode.ts';

type Fields = [name: string, value: string][];

function decode(decoder: HpackDecoder, hex: string): Fields {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const fields: Fields = [];
  decoder.decode(bytes, 0, bytes.length, {
    add: ({ name, value }) => fields.push([name.text, value]),
  });
  return fields;
}

const get: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const third: Fields = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];
const answer = (status: string, date: string): Fields => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', `Mon, 21 Oct 2013 20:13:${date} GMT`],
  ['location', 'https://www.example.com'],
];
const lastAnswer: Fields = [
  ...answer('200', '22'),
  ['content-encoding', 'gzip'],
  ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
];
/** In the response examples the table has 256 bytes. */
const small = '3fe101';

describe('the examples of RFC 7541, appendix C', () => {
  test.each<[string, string, Fields]>([
    [
      'C.2.1',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      [['custom-key', 'custom-header']],
    ],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [[':path', '/sample/path']]],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', [['password', 'secret']]],
    ['C.2.4', '82', [[':method', 'GET']]],
  ])('%s', (_name, hex, fields) => {
    expect(decode(new HpackDecoder(), hex)).toEqual(fields);
  });

  test.each<[string, [string, Fields][]]>([
    [
      'C.3, requests',
      [
        ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', get],
        ['8286 84be 5808 6e6f 2d63 6163 6865', [...get, ['cache-control', 'no-cache']]],
        ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', third],
      ],
    ],
    [
      'C.4, requests with Huffman codes',
      [
        ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', get],
        ['8286 84be 5886 a8eb 1064 9cbf', [...get, ['cache-control', 'no-cache']]],
        ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', third],
      ],
    ],
    [
      'C.5, answers',
      [
        [
          `${small} 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
          answer('302', '21'),
        ],
        ['4803 3330 37c1 c0bf', answer('307', '21')],
        [
          '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
          lastAnswer,
        ],
      ],
    ],
    [
      'C.6, answers with Huffman codes',
      [
        [
          `${small} 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
          answer('302', '21'),
        ],
        ['4883 640e ffc1 c0bf', answer('307', '21')],
        [
          '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
          lastAnswer,
        ],
      ],
    ],
  ])('%s', (_name, blocks) => {
    const decoder = new HpackDecoder();
    for (const [hex, fields] of blocks) expect(decode(decoder, hex)).toEqual(fields);
  });
});

describe('a block that cannot be read', () => {
  test.each([
    ['the index 0', '80'],
    ['an index beyond the static table, with nothing in the other', 'be'],
    ['a name by such an index', '7f00 0161'],
    ['a number that is cut short', 'ff'],
    ['a number beyond all bounds', 'ffff ffff ffff ffff 0f'],
    ['a number with endless zeros', 'ff80 8080 8080 8000'],
    ['a string without its length', '00'],
    ['a string that is cut short', '0003 6161'],
    ['a Huffman code with the end of string', '0084 ffff ffff 0161'],
    ['padding of Huffman codes with zeros', '0081 1800'],
    ['padding of Huffman codes longer than seven bits', '0082 1fff 0161'],
    ['a table larger than was offered', '3fe2 1f'],
    ['a table size among fields', '8220'],
  ])('%s', (_name, hex) => {
    expect(() => decode(new HpackDecoder(), hex)).toThrow(ConnectionError);
  });

  test('a request at these limits is read', () => {
    expect(decode(new HpackDecoder(), '3fe1 1f 82')).toEqual([[':method', 'GET']]);
    expect(decode(new HpackDecoder(), '20 20 82')).toEqual([[':method', 'GET']]);
  });
});

describe('the dynamic table', () => {
  const literal = (name: string, value: string): string =>
    `40${length(name)}${hexOf(name)}${length(value)}${hexOf(value)}`;
  const hexOf = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
  const length = (text: string): string => {
    const bytes = Buffer.alloc(4);
    return bytes.toString('hex', 0, writeInteger(bytes, 0, 0, 0x7f, text.length));
  };

  test('forgets the oldest at 4,096 bytes, 32 of them for each field', () => {
    const decoder = new HpackDecoder();
    // 33 bytes each: 124 of them fit, and the last has the index 185.
    for (let count = 0; count < 130; count += 1) decode(decoder, literal('a', ''));
    expect(decode(decoder, 'ff3a')).toEqual([['a', '']]);
    expect(() => decode(decoder, 'ff3b')).toThrow(ConnectionError);
  });

  test('holds what fills it to the last byte', () => {
    const decoder = new HpackDecoder();
    const half = 'x'.repeat(2048 - 33);
    decode(decoder, literal('a', half));
    decode(decoder, literal('b', half));
    expect(decode(decoder, 'bebf')).toEqual([
      ['b', half],
      ['a', half],
    ]);
    decode(decoder, literal('c', ''));
    expect(() => decode(decoder, 'c0')).toThrow(ConnectionError);
  });

  test('is emptied by a field larger than it, which is a field all the same', () => {
    const decoder = new HpackDecoder();
    decode(decoder, literal('a', 'b'));
    const value = 'x'.repeat(4096 - 32);
    expect(decode(decoder, literal('a', value))).toEqual([['a', value]]);
    expect(() => decode(decoder, 'be')).toThrow(ConnectionError);
    decode(decoder, literal('a', value.slice(1)));
    expect(decode(decoder, 'be')).toEqual([['a', value.slice(1)]]);
  });

  test('equals a simple list of the newest ids', () => {
    const steps = fc.oneof(
      fc.record({
        name: fc.stringMatching(/^[a-z]{1,12}$/),
        value: fc.stringMatching(/^[a-z]{0,300}$/),
      }),
      fc.integer({ min: 0, max: 4096 }),
    );
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60 }), (all) => {
        const decoder = new HpackDecoder();
        let plain: Fields = [];
        let bytesMax = 4096;
        const shrink = (): void => {
          const size = (fields: Fields): number =>
            fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
          while (size(plain) > bytesMax) plain.pop();
        };
        for (const step of all) {
          if (typeof step === 'number') {
            const bytes = Buffer.alloc(5);
            decode(decoder, bytes.toString('hex', 0, writeInteger(bytes, 0, 0x20, 0x1f, step)));
            bytesMax = step;
          } else {
            decode(decoder, literal(step.name, step.value));
            plain = [[step.name, step.value], ...plain];
          }
          shrink();
          const whole = plain.map((_field, index) => {
            const bytes = Buffer.alloc(5);
            return bytes.toString('hex', 0, writeInteger(bytes, 0, 0x80, 0x7f, 62 + index));
          });
          expect(decode(decoder, whole.join(''))).toEqual(plain);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('what is encoded is decoded to the same, twice', () => {
  const name = fc.oneof(
    fc.stringMatching(/^[a-z][a-z0-9-]{0,40}$/),
    fc.constantFrom('content-type', 'date', 'grpc-status'),
  );
  const value = fc.oneof(fc.stringMatching(/^[\u0020-\u007e\u0080-\u00ff]{0,200}$/), fc.nat());
  const encoder = new HpackEncoder();
  fc.assert(
    fc.property(
      fc.dictionary(name, value),
      fc.integer({ min: 100, max: 599 }),
      (fields, status) => {
        const room = encoder.check(fields) + 8;
        const wanted = [
          [':status', String(status)],
          ...Object.entries(fields).map(([key, each]) => [key, String(each)]),
        ];
        for (let turn = 0; turn < 2; turn += 1) {
          const target = Buffer.alloc(room + 200);
          const end = encoder.write(target, encoder.writeStatus(target, 0, status), fields);
          expect(end).toBeLessThanOrEqual(room);
          expect(decode(new HpackDecoder(), target.toString('hex', 0, end))).toEqual(wanted);
        }
      },
    ),
  );
});

test('what no field may hold is refused before it is written', () => {
  const encoder = new HpackEncoder();
  for (const value of ['a\r\nb', 'a\nb', 'a\0b', '\u0100', '\u007f']) {
    expect(() => encoder.check({ name: value })).toThrow(TypeError);
    expect(() => encoder.check({ name: ['good', value] })).toThrow(TypeError);
  }
  for (const name of ['Name', 'na me', ':status', '', 'na\u00efve']) {
    expect(() => encoder.check({ [name]: 'value' })).toThrow(TypeError);
  }
});
