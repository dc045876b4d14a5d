import type { Cell, PageFormat } from './page.ts';

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886; }
pre { padding: 1rem; overflow: auto; background: #8882; }
code { font-family: ui-monospace, monospace; }
`.trim();

/** A site of plain files, without scripts or external resources. */
export const html: PageFormat = {
  indexFile: 'index.html',
  eventFile: (name) => `${name}.html`,
  page: (title, parts, isIndex) => {
    const back = isIndex ? [] : ['<p><a href="../index.html">All events</a></p>'];
    return [
      '<!doctype html>',
      '<html lang="en">',
      '<head>',
      '<meta charset="utf-8">',
      '<meta name="viewport" content="width=device-width">',
      `<title>${escape(title)}</title>`,
      `<style>\n${style}\n</style>`,
      '</head>',
      '<body>',
      ...back,
      ...parts,
      '</body>',
      '</html>',
      '',
    ].join('\n');
  },
  heading: (level, text) => `<h${level}>${escape(text)}</h${level}>`,
  paragraph: (text) => `<p>${escape(text)}</p>`,
  table: (headings, rows) => {
    const head = headings.some((text) => text !== '')
      ? [`<tr>${headings.map((text) => `<th>${escape(text)}</th>`).join('')}</tr>`]
      : [];
    const body = rows.map(
      (cells) => `<tr>${cells.map((cell) => `<td>${cellText(cell)}</td>`).join('')}</tr>`,
    );
    return ['<table>', ...head, ...body, '</table>'].join('\n');
  },
  code: (text) => `<pre><code>${escape(text)}</code></pre>`,
};

function cellText({ text, link, code }: Cell): string {
  const shown = code === true ? `<code>${escape(text)}</code>` : escape(text);
  return link === undefined ? shown : `<a href="${escape(link)}">${shown}</a>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
