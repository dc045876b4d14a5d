import type { Cell, PageFormat } from './page.ts';
import { visibleJson, visibleName, visibleText } from './visible-text.ts';

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886; }
pre { padding: 1rem; overflow: auto; background: #8882; }
code { font-family: ui-monospace, monospace; }
`.trim();

const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

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
      // Nothing on these pages runs or loads, even if an escape were missing.
      `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
      '<meta name="viewport" content="width=device-width">',
      `<title>${shown(title)}</title>`,
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
  heading: (level, text) => `<h${level}>${shown(text)}</h${level}>`,
  paragraph: (text) => `<p>${shown(text)}</p>`,
  table: (headings, rows) => {
    const head = headings.some((text) => text !== '')
      ? [`<tr>${headings.map((text) => `<th>${shown(text)}</th>`).join('')}</tr>`]
      : [];
    const body = rows.map(
      (cells) => `<tr>${cells.map((cell) => `<td>${cellText(cell)}</td>`).join('')}</tr>`,
    );
    return ['<table>', ...head, ...body, '</table>'].join('\n');
  },
  code: (text) => `<pre><code>${escape(visibleJson(text))}</code></pre>`,
};

function cellText({ text, link, code }: Cell): string {
  const label = code === true ? `<code>${escape(visibleName(text))}</code>` : shown(text);
  return link === undefined ? label : `<a href="${escape(link)}">${label}</a>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function shown(text: string): string {
  return escape(visibleText(text));
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
