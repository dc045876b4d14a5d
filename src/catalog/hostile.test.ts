import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { html } from './html.ts';
import { markdown } from './markdown.ts';
import { catalogFiles, type PageFormat } from './page.ts';
import { readCatalog, type CatalogContract } from './read-catalog.ts';

const attacks = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  "' onmouseover='alert(1)",
  '</td></tr></table><h1>x</h1>',
  '</title><script>1</script>',
  '<!-- x',
  '&lt;script&gt; &#60;script&#62; &amp;',
  '[x](javascript:alert(1))',
  '![x](https://example.com/pixel.gif)',
  '<javascript:alert(1)>',
  '[x]: javascript:alert(1)',
  '[x][y] \\[z](javascript:a)',
  'a | b || c \\| d',
  '`code` ``more`` ```',
  '\n```\n<script>\n```',
  'x\r\r<b>y</b>',
  'x\n\n# heading\n\n- item',
  '\u2028<b>\u2029',
  '# heading',
  '- item',
  '1. item',
  '---',
  '===',
  '+ item',
  '    indented',
  '> quote',
  ':::tip',
  '{{ constructor.constructor("alert(1)")() }}',
  '{% include x %}{# x #}',
  '{alert(1)}',
  '${x} <%= x %> #{x}',
  '~~~\nx',
  '*a* **b** _c_ __d__',
  '\u202egnp.exe\u202c \u2066x\u2069',
  '\0\u0007\u001b[31m\u007f',
  '\ud800',
  '\\',
  '\\<b>',
  '',
];
const any = fc
  .array(
    fc.oneof(
      fc.constantFrom(...attacks, ...'<>&"\'`|\\[](){}#*_!-~:\n\r\t '),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

/** A contract with the text in each place that holds text; one page each for the index and it. */
function contractOf(text: string): CatalogContract {
  const notes = { description: text, title: text, $comment: text };
  const schema = {
    type: 'object',
    additionalProperties: false,
    examples: [{ [`k${text}`]: text, deep: { [text]: [text] } }],
    properties: {
      [`k${text}`]: {
        ...notes,
        type: 'string',
        pattern: text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'),
        format: text,
        'x-pii': text,
      },
      e: { enum: [text, `v${text}`] },
      c: { const: text },
      l: { type: 'array', items: { type: 'object', properties: { [text]: { type: [text] } } } },
    },
  };
  return {
    name: 'thing_made',
    owner: text,
    description: text,
    active: 1,
    mode: text,
    compatibility: text,
    superseded: new Map(),
    deprecated: [],
    versions: [{ version: 1, schema, findingsIn: () => undefined }],
  };
}

function pagesOf(text: string, format: PageFormat): string[] {
  const around = {
    destinations: [{ name: text, type: text, events: [] }],
    lastEvents: text,
  };
  return catalogFiles(readCatalog([contractOf(text)], around), format).map((file) => file.text);
}

function everyPage(format: PageFormat, check: (page: string, plain: string) => void): void {
  const plain = pagesOf('x', format);
  const checkText = (text: string): void => {
    for (const [index, page] of pagesOf(text, format).entries()) check(page, plain[index]!);
  };
  for (const text of attacks) checkText(text);
  fc.assert(fc.property(any, checkText), { numRuns: 500 });
}

const unseen = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u;

describe('hostile schemas', () => {
  test('add no tag and no attribute to a page of HTML', () => {
    const tagsOf = (page: string): string[] => page.match(/<[^>]*>?/g) ?? [];
    everyPage(html, (page, plain) => {
      expect(tagsOf(page)).toEqual(tagsOf(plain));
      expect(page.replaceAll(/<[^>]*>/g, '')).not.toMatch(/[<>]/);
      expect(page).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#39;)/);
      expect(page).not.toMatch(unseen);
    });
  });

  test('add no line, cell, link, HTML or template to a page of Markdown', () => {
    const lines = (page: string): string[] =>
      page.replace(/\n(`{3,})json\n.*\n\1\n/s, '\n').split('\n');
    const shapeOf = (page: string): string[] =>
      lines(page).map((line) => line.replaceAll(/\\./g, '').replaceAll(/[^|]/g, ''));
    everyPage(markdown, (page, plain) => {
      expect(shapeOf(page)).toEqual(shapeOf(plain));
      expect(page).not.toMatch(/\{[{%#]/);
      expect(page).not.toMatch(unseen);
      for (const line of lines(page)) {
        const words = line
          .replace(/^\[All events\]\(\.\.\/README\.md\)$/, '')
          .replace(/(?<=^\| )\[`thing_made`\]\(events\/thing_made\.md\)/, '')
          .replaceAll(/(?<=\| )`[\w.$:@/()[\]-]+`(?= \|)/g, '')
          .replace(/^#{1,3} /, '');
        expect(words).not.toMatch(/^(?:[-+=:]|\d+[.)])/);
        const active = words.replaceAll(/\\[^A-Za-z0-9\s]/g, '');
        expect(active).not.toMatch(/[<>[\]`*_{}#~!\\]|&(?!amp;|lt;|gt;)/);
      }
    });
  });

  test('cannot close the code of a page, and its JSON stays the same', () => {
    everyPage(markdown, (page) => {
      const [, fence, json] = /\n(`{3,})json\n(.*)\n\1\n/s.exec(page) ?? [];
      if (json === undefined) return;
      expect(json).not.toContain(fence);
      expect(() => JSON.parse(json) as unknown).not.toThrow();
    });
  });

  test('cannot name a page outside the folder', () => {
    const around = { destinations: [], lastEvents: new Map<string, Date>() };
    const filesOf = (name: string) =>
      catalogFiles(readCatalog([{ ...contractOf('x'), name }], around), html);
    for (const name of ['', 'a\nb', 'a'.repeat(200)]) {
      expect(() => filesOf(name)).toThrow(/is not the name of an event/);
    }
    for (const name of ['../x', 'a/b', 'a\\b', '<b>', '.', 'Order Completed', 'CON']) {
      const [index, page] = filesOf(name);
      expect(page!.path).toMatch(/^events\/[a-z0-9_=+-]+\.html$/);
      expect(index!.text).toContain(`href="${page!.path}"`);
    }
  });
});
