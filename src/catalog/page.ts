import { StartError } from '../errors.ts';
import { nameProblem } from '../event/name/event-name.ts';
import { fileNameOfName } from '../event/name/name-token.ts';
import type { Catalog, CatalogEvent, CatalogProperty, CatalogVersion } from './catalog.ts';

/** One file of the catalog. Its path is relative to the folder of the catalog. */
export interface CatalogFile {
  readonly path: string;
  readonly text: string;
}

/** How one format writes a page. Texts arrive unescaped: each format escapes them. */
export interface PageFormat {
  readonly indexFile: string;
  /** `name` is safe as the name of a file and in a link. */
  readonly eventFile: (name: string) => string;
  page(title: string, parts: readonly string[], isIndex: boolean): string;
  heading(level: 1 | 2 | 3, text: string): string;
  paragraph(text: string): string;
  /** Cells of the first column may be links. */
  table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string;
  code(text: string): string;
}

export interface Cell {
  readonly text: string;
  /** Relative to the page. */
  readonly link?: string;
  readonly code?: true;
}

/** Every page of the catalog. Throws a StartError for a name that could leave its folder. */
export function catalogFiles(catalog: Catalog, format: PageFormat): CatalogFile[] {
  for (const { name } of catalog.events) {
    // Names become paths and links, and may come from a gate.
    if (nameProblem(name) !== undefined) {
      throw new StartError(`${JSON.stringify(name.slice(0, 60))} is not the name of an event.`);
    }
  }
  const index: CatalogFile = {
    path: format.indexFile,
    text: format.page('Events', indexParts(catalog, format), true),
  };
  const pages = catalog.events.map((event) => ({
    path: `events/${format.eventFile(fileNameOfName(event.name))}`,
    text: format.page(event.name, eventParts(catalog, event, format), false),
  }));
  return [index, ...pages];
}

const plain = (text: string): Cell => ({ text });
const activeText = ({ active }: CatalogEvent): string =>
  active === 0 ? 'none: it has no schema' : String(active);
const code = (text: string): Cell => ({ text, code: true });

function indexParts(catalog: Catalog, format: PageFormat): string[] {
  const rows = catalog.events.map((event) => [
    {
      text: event.name,
      link: `events/${format.eventFile(fileNameOfName(event.name))}`,
      code: true,
    } as const,
    plain(event.description),
    plain(event.owner),
    plain(activeText(event)),
    plain(destinationsText(catalog, event)),
    plain(lastEventText(catalog, event)),
  ]);
  return [
    format.heading(1, 'Events'),
    ...notes(catalog, format),
    format.table(['event', 'sent when', 'owner', 'version', 'goes to', 'last stored'], rows),
  ];
}

/** What the pages cannot show, and why. */
function notes({ destinationsUnknown, lastEventsUnknown }: Catalog, format: PageFormat): string[] {
  return [
    ...(destinationsUnknown === undefined
      ? []
      : [
          format.paragraph(`The destinations of events are not known here: ${destinationsUnknown}`),
        ]),
    ...(lastEventsUnknown === undefined
      ? []
      : [
          format.paragraph(
            `The time of the last stored event is not known here: ${lastEventsUnknown}`,
          ),
        ]),
  ];
}

function eventParts(catalog: Catalog, event: CatalogEvent, format: PageFormat): string[] {
  return [
    format.heading(1, event.name),
    format.paragraph(event.description),
    format.table(
      ['', ''],
      [
        [plain('owner'), plain(event.owner)],
        [plain('active version'), plain(activeText(event))],
        [plain('what breaks its schema'), plain(event.mode)],
        [plain('what a new version may change'), plain(event.compatibility)],
        [plain('goes to'), plain(destinationsText(catalog, event))],
        [plain('last stored'), plain(lastEventText(catalog, event))],
      ],
    ),
    ...event.versions.flatMap((version) => versionParts(event, version, format)),
  ];
}

function versionParts(event: CatalogEvent, version: CatalogVersion, format: PageFormat): string[] {
  const { state, properties, propertiesHidden, open, example } = version;
  const number = `Version ${version.version}`;
  const more =
    propertiesHidden === 0 ? '' : ` ${propertiesHidden} or more properties are not shown.`;
  const others = open ? 'Other properties are accepted.' : 'Other properties are not accepted.';
  const sent = { event_name: event.name, schema_version: version.version, properties: example };
  return [
    format.heading(2, state === '' ? number : `${number} (${state})`),
    ...(properties.length === 0
      ? []
      : [format.table(['property', 'type', 'required', 'meaning'], properties.map(propertyCells))]),
    format.paragraph(`${others}${more}`),
    ...(example === undefined
      ? [format.paragraph('No example is available: the schema has none under "examples".')]
      : [format.heading(3, 'Example'), format.code(JSON.stringify(sent, undefined, 2))]),
  ];
}

function propertyCells(property: CatalogProperty): Cell[] {
  const { path, type, required, description, limits, personal } = property;
  const kept = personal === '' ? [] : [`personal data: ${personal} before it is stored`];
  const facts = [...limits, ...kept].join(', ');
  const meaning = [description, facts].filter((text) => text !== '').join(' — ');
  return [code(path), plain(type), plain(required ? 'yes' : ''), plain(meaning)];
}

function destinationsText(catalog: Catalog, { destinations }: CatalogEvent): string {
  if (catalog.destinationsUnknown !== undefined) return 'not known';
  if (destinations.length === 0) return 'nowhere';
  return destinations.map(({ name, type }) => `${name} (${type})`).join(', ');
}

function lastEventText(catalog: Catalog, { lastEventAt }: CatalogEvent): string {
  if (catalog.lastEventsUnknown !== undefined) return 'not known';
  return lastEventAt === undefined ? 'not in the log' : lastEventAt.toISOString();
}
