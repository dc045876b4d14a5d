import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readLines, type Line } from './read-lines.ts';

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function linesOf(text: string | Buffer, size = 3, lineBytesMax = 100): Promise<Line[]> {
  const lines: Line[] = [];
  const chunks = chunksOf(Buffer.from(text as string), size);
  for await (const some of readLines(chunks, lineBytesMax)) lines.push(...some);
  return lines;
}

const shown = (lines: readonly Line[]): string[] =>
  lines.map(({ number, bytes }) => `${number}:${bytes.toString()}`);

describe('readLines', () => {
  it('numbers lines, and skips blank ones', async () => {
    expect(shown(await linesOf('a\n\n \t\n bc \r\nd'))).toEqual(['1:a', '4:bc', '5:d']);
    expect(await linesOf('')).toEqual([]);
  });

  it('removes a byte order mark, once', async () => {
    expect(shown(await linesOf('\ufeffa\n\ufeffb'))).toEqual(['1:a', '2:\ufeffb']);
  });

  it.each([1, 3, 7, 64])('finds the same lines in chunks of %d bytes', async (size) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' })), async (texts) => {
        const plain = texts.map((text) => text.replaceAll(/[\n\r\t \ufeff]/g, ''));
        const lines = await linesOf(plain.join('\n'), size, 10_000);
        const whole = plain.filter((text) => text !== '');
        expect(lines.map(({ bytes }) => bytes.toString())).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it.each([1, 4, 64, 4096])(
    'marks a line that is too long, and continues (chunks of %d)',
    async (size) => {
      const lines = await linesOf(`ok\n${'x'.repeat(2_000)}\n${' '.repeat(200)}\nend`, size);
      expect(lines.map(({ number, isTooLong }) => [number, isTooLong])).toEqual([
        [1, false],
        [2, true],
        [3, true],
        [4, false],
      ]);
      expect(lines[1]!.bytes.length).toBeLessThanOrEqual(1024);
      expect(lines[1]!.bytes.toString()).toMatch(/^x+$/);
    },
  );
});
