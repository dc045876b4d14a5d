import type { JsonObject, JsonValue } from '../../event/json/json.ts';

/** A URL whose path and query may have values of the event. */
export interface UrlTemplate {
  /** With the values left out. */
  readonly url: URL;
  readonly hasValues: boolean;
  /** The path and query for an event; undefined and the pointer if the event has no such value. */
  fill(event: JsonObject): { readonly path: string } | { readonly missing: string };
}

const placeholder = /\{(\/[^{}]*)\}/g;

/** `fail` throws. Values are escaped, so that they stay within their segment of the path. */
export function parseUrlTemplate(text: string, fail: (fault: string) => never): UrlTemplate {
  const pointers = [...text.matchAll(placeholder)].map(([, pointer]) => pointer!);
  const plain = text.replaceAll(placeholder, 'x');
  if (/[{}]/.test(plain)) fail('write {/user_id}: braces and a JSON Pointer');
  if (!URL.canParse(plain)) fail('it is not a URL');
  const url = new URL(plain);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') fail('use http or https');
  if (url.username !== '' || url.password !== '') {
    fail('take the user and password out: set basic_auth');
  }
  const afterHost = /^[a-z]+:\/\/[^/?#]*/i.exec(text)?.[0] ?? '';
  if (afterHost.includes('{')) fail('values of the event may stand in the path and query only');
  const rest = text.slice(afterHost.length).replace(/#.*$/s, '');
  const parts = rest.split(placeholder).filter((_part, index) => index % 2 === 0);
  const normal = (path: string): string => (path.startsWith('/') ? path : `/${path}`);
  return {
    url,
    hasValues: pointers.length > 0,
    fill: (event) => {
      let path = parts[0]!;
      for (const [index, pointer] of pointers.entries()) {
        const value = valueAt(event, pointer);
        const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
        // A segment of dots alone is another place.
        if (!isPlain || /^\.{0,2}$/.test(String(value))) return { missing: pointer };
        path += encodeURIComponent(String(value)) + parts[index + 1]!;
      }
      return { path: normal(path) };
    },
  };
}

/** The value at a JSON Pointer (RFC 6901); undefined if there is none. */
export function valueAt(value: JsonValue, pointer: string): JsonValue | undefined {
  let current: JsonValue | undefined = value;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) {
      return undefined;
    }
    current = (current as Record<string, JsonValue>)[name];
  }
  return current;
}
