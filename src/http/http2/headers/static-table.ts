import { fieldName, KnownNames, type FieldName } from './field-names.ts';

/** One field of a header block. */
export class Field {
  readonly name: FieldName;
  readonly value: string;
  /** False if the value has a byte that RFC 9113 §8.2.1 forbids. */
  readonly isValid: boolean;

  constructor(name: FieldName, value: string, isValid: boolean) {
    this.name = name;
    this.value = value;
    this.isValid = isValid;
  }
}

/**
 * https://www.rfc-editor.org/rfc/rfc7541#appendix-A, from index 1. A value follows the `=` after
 * its name.
 */
const table =
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|' +
  ':status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|' +
  'accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|' +
  'access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|' +
  'content-encoding|content-language|content-length|content-location|content-range|content-type|' +
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|' +
  'if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|' +
  'proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|' +
  'strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate';

export interface StaticTable {
  /** By index. Index 0 is unused. */
  readonly fields: readonly (Field | undefined)[];
  readonly names: KnownNames;
  /** The first index of each name. */
  readonly indexOf: ReadonlyMap<string, number>;
}

let made: StaticTable | undefined;

/** Created on first use. */
export function staticTable(): StaticTable {
  if (made !== undefined) return made;
  const fields: (Field | undefined)[] = [undefined];
  const byText = new Map<string, FieldName>();
  const indexOf = new Map<string, number>();
  for (const entry of table.split('|')) {
    const [text = '', value = ''] = entry.split('=');
    const name = byText.get(text) ?? fieldName(text);
    byText.set(text, name);
    if (!indexOf.has(text)) indexOf.set(text, fields.length);
    fields.push(new Field(name, value, true));
  }
  made = { fields, names: new KnownNames(byText.values()), indexOf };
  return made;
}

/** The first index of the dynamic table. */
export const staticTableEnd = 62;
