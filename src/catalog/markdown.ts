import type { Cell, PageFormat } from './page.ts';

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
  code: (text) => `\`\`\`json\n${text}\n\`\`\``,
};

function cellText({ text, link, code }: Cell): string {
  // A property name may contain any character. Between backticks, only these are special.
  const shown = code === true && !/[`|\n]/.test(text) ? `\`${text}\`` : escape(text);
  return link === undefined ? shown : `[${shown}](${link})`;
}

/** A description becomes one line of text, whatever it contains. */
function escape(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\`*_[\]<>|#~]/g, '\\$&')
    .replaceAll('&', '&amp;');
}
