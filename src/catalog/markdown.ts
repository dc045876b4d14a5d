import type { Cell, PageFormat } from './page.ts';
import { visibleJson, visibleName, visibleText } from './visible-text.ts';

/** Pages for a repository or a wiki. Hosting sites show README.md first. */
export const markdown: PageFormat = {
  indexFile: 'README.md',
  eventFile: (name) => `${name}.md`,
  page: (_title, parts, isIndex) => {
    const back = isIndex ? [] : ['[All events](../README.md)'];
    return `${[...back, ...parts].join('\n\n')}\n`;
  },
  heading: (level, text) => `${'#'.repeat(level)} ${escape(text)}`,
  paragraph: escape,
  table: (headings, rows) =>
    [headings, headings.map(() => '---'), ...rows.map((cells) => cells.map(cellText))]
      .map((cells) => `| ${cells.join(' | ')} |`)
      .join('\n'),
  code: (text) => {
    // Templates of site generators are read inside code too. In JSON only a text holds these.
    const json = visibleJson(text).replaceAll(/\{(?=[{%#])/g, '\\u007b');
    const fence = '`'.repeat(Math.max(3, longestRun(json) + 1));
    return `${fence}json\n${json}\n${fence}`;
  },
};

function longestRun(text: string): number {
  return Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
}

function cellText({ text, link, code }: Cell): string {
  // A property name may contain any character. In these nothing is special between backticks.
  const isPlain = /^[\w.$:@/()[\]-]+$/.test(text);
  const shown = code !== true ? escape(text) : isPlain ? `\`${text}\`` : escaped(visibleName(text));
  return link === undefined ? shown : `[${shown}](${link})`;
}

/** A description becomes one line of text, whatever it contains. */
function escape(text: string): string {
  return escaped(visibleText(text).trim());
}

/**
 * Entities for HTML, because not every renderer knows `\<`. Braces also for those that run what is
 * between them: MDX, Liquid, Vue.
 */
function escaped(text: string): string {
  return text
    .replaceAll(/\{(?=[{%#])|[}%#](?=\})/g, '$& ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_[\]{}|#~!]/g, '\\$&')
    .replace(/^(?:[-+=:]|\d{1,9}(?=[.)]))/, (start) =>
      /^\d/.test(start) ? `${start}\\` : `\\${start}`,
    );
}
