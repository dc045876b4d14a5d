import { describe, expect, it } from 'vitest';

import { renderErrorDocs } from '../../scripts/generate/error-docs.ts';
import { errorCodes, errorEntry } from '../../src/errors.ts';
import { anchorsOf, readPage } from './markdown.ts';

const page = readPage('docs/reference/errors.md');

describe('docs/reference/errors.md', () => {
  it('matches the table', () => {
    expect(page).toBe(renderErrorDocs());
  });

  it('has an anchor for each code, and a code for each section', () => {
    const anchors = anchorsOf(page);
    for (const code of errorCodes) expect(anchors).toContain(code);
    const sections = [...page.matchAll(/^### (.+)$/gm)].map((found) => found[1]);
    expect(sections.toSorted()).toEqual([...errorCodes].toSorted());
  });

  it('explains each code', () => {
    for (const code of errorCodes) expect(page).toContain(errorEntry(code).text);
  });
});

describe('codes on other pages', () => {
  /** How codes begin, and nothing else that these pages set in this type. */
  const codePattern =
    /`((?:unknown|invalid|missing|not|too|request|empty|malformed|reserved|event_too)_\w+)`/g;

  it.each(['docs/send/endpoints.md', 'docs/understand/architecture.md'])(
    'are there: %s',
    (name) => {
      const codes = [...readPage(name).matchAll(codePattern)].map((found) => found[1]);
      expect(codes.length).toBeGreaterThan(0);
      for (const code of codes) expect(errorCodes).toContain(code);
    },
  );
});
