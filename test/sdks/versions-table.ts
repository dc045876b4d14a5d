import type { Call, Sdk } from './sdks.ts';

/** The table of docs/send/tested-sdks.md: a row for each SDK, with its versions and calls. */
export function versionsTable(list: readonly Sdk[]): string {
  const rows = [...Map.groupBy(list, ({ language, name }) => `${language} | \`${name}\``)].map(
    ([start, sdks]) => {
      const versions = sdks.map(({ version }) => version).join(', ');
      const calls = new Set<Call>(sdks.flatMap((sdk) => sdk.calls));
      return `| ${start} | ${versions} | ${[...calls].join(', ')} |`;
    },
  );
  return ['| language | SDK | versions | calls |', '|---|---|---|---|', ...rows].join('\n');
}
