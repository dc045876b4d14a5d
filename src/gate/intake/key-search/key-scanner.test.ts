import { describe, expect, test } from 'vitest';

import { FormDataReader } from './form-data.ts';
import { candidatesMax, KeyScanner, type KeyPlace } from './key-scanner.ts';

const posthog: readonly KeyPlace[] = [['api_key'], ['token']];
const mixpanel: readonly KeyPlace[] = [
  ['[]', 'properties', 'token'],
  ['properties', 'token'],
];

function scannerFor(places: readonly KeyPlace[], key = 'the-key'): KeyScanner {
  return new KeyScanner(places, (candidate) => candidate === key);
}

/** Whether a scan finds the key, whatever the parts in which the text arrives. */
function finds(places: readonly KeyPlace[], text: string, key?: string): boolean {
  const bytes = Buffer.from(text);
  const results = [1, 2, 3, 7, bytes.length].map((partBytes) => {
    const scanner = scannerFor(places, key);
    for (let at = 0; at < bytes.length; at += partBytes) {
      scanner.push(bytes.subarray(at, at + partBytes));
    }
    return scanner.isFound;
  });
  expect(new Set(results).size).toBe(1);
  return results[0]!;
}

describe('a key in a JSON text', () => {
  const events = JSON.stringify([{ event: 'a "b" \\', properties: { n: [1, { token: 'x' }] } }]);

  test.each([
    ['at the beginning', `{"api_key":"the-key","batch":${events}}`],
    ['at the end', `{"batch":${events},"api_key":"the-key"}`],
    ['at the end of 500 KB', `{"batch":["${'x'.repeat(500_000)}"], "api_key" : "the-key" }`],
    ['under its other name', `{"batch":${events},"token":"the-key"}`],
    ['after a byte order mark', `\ufeff{"api_key":"the-key"}`],
    ['with an escaped name', String.raw`{"\u0061pi\u005Fkey":"the-key"}`],
    ['with an escaped value', String.raw`{"api_key":"the\u002dk\u0065y"}`],
    ['with spaces around it', `{"api_key":"  the-key\t"}`],
    ['after one that is wrong', `{"api_key":"other","token":"the-key"}`],
    [
      'after text of many kinds',
      String.raw`{"a":"\\","b\"":"\"","c":[[[[{"d":"]"}]]]],"api_key":"the-key"}`,
    ],
    ['in a text that ends too early', `{"api_key":"the-key","batch":[`],
  ])('is found %s', (_where, text) => {
    expect(finds(posthog, text)).toBe(true);
  });

  test.each([
    ['in an event', `{"batch":[{"api_key":"the-key"}]}`],
    ['in properties', `{"properties":{"token":"the-key"}}`],
    ['in an array', `[{"api_key":"the-key"}]`],
    ['as a name', `{"the-key":"api_key"}`],
    ['as a value of another member', `{"api_key":1,"x":"the-key"}`],
    ['in a text', String.raw`{"x":"{\"api_key\":\"the-key\"}"}`],
    ['as a part of a longer one', `{"api_key":"the-key2"}`],
    ['under a longer name', `{"api_keys":"the-key"}`],
    ['in nothing', ''],
  ])('is not found %s', (_where, text) => {
    expect(finds(posthog, text)).toBe(false);
  });

  test.each([
    `{"event":"a","properties":{"x":{"token":"no"},"token":"the-key"}}`,
    `[{"event":"a","properties":{"token":"the-key"}}]`,
    `[{"properties":{}}, [1], {"properties":{"a":[{}],"token":"the-key"}}]`,
  ])('is found where Mixpanel has it: %s', (text) => {
    expect(finds(mixpanel, text)).toBe(true);
  });

  test.each([
    `{"token":"the-key"}`,
    `[{"token":"the-key","properties":{"x":{"token":"the-key"}}}]`,
    `[[{"properties":{"token":"the-key"}}]]`,
    `{"properties":[{"token":"the-key"}]}`,
  ])('is not found elsewhere in what Mixpanel sends: %s', (text) => {
    expect(finds(mixpanel, text)).toBe(false);
  });

  test('may have letters beyond ASCII', () => {
    expect(finds(posthog, `{"api_key":"clé"}`, 'clé')).toBe(true);
    expect(finds(posthog, String.raw`{"api_key":"cl\u00e9"}`, 'clé')).toBe(true);
  });

  test('has at most 256 bytes, and a longer text is no key', () => {
    const key = 'k'.repeat(256);
    expect(finds(posthog, `{"api_key":"${key}"}`, key)).toBe(true);
    expect(finds(posthog, `{"api_key":"${key}k"}`, key)).toBe(false);
  });

  test('is looked for among a bounded number of texts; the same one again costs nothing', () => {
    const others = (count: number): string =>
      Array.from({ length: count }, (_, index) => `"api_key":"no-${index}",`).join('');
    const ending = '"api_key":"the-key"}';
    expect(finds(posthog, `{${others(candidatesMax - 1)}${ending}`)).toBe(true);
    expect(finds(posthog, `{${others(candidatesMax)}${ending}`)).toBe(false);
    expect(finds(posthog, `{${'"api_key":"no",'.repeat(candidatesMax + 1)}${ending}`)).toBe(true);
  });

  test('is reported as wrong or as missing', () => {
    const wrong = scannerFor(posthog);
    wrong.push(Buffer.from('{"api_key":"other"}'));
    expect(wrong).toMatchObject({ isFound: false, hasCandidate: true });
    const missing = scannerFor(posthog);
    missing.push(Buffer.from('{"api_key":" ","x":"other"}'));
    expect(missing).toMatchObject({ isFound: false, hasCandidate: false });
  });
});

describe('the JSON text of a form', () => {
  const text = JSON.stringify([{ event: 'a+b & c=ü', properties: { token: 'the-key' } }]);
  const base64 = Buffer.from(text).toString('base64');

  function textOf(form: string): string {
    const results = [1, 3, 1000].map((partBytes) => {
      const bytes = Buffer.from(form);
      const parts: Buffer[] = [];
      const reader = new FormDataReader((part) => parts.push(Buffer.from(part)));
      for (let at = 0; at < bytes.length; at += partBytes) {
        reader.push(bytes.subarray(at, at + partBytes));
      }
      return Buffer.concat(parts).toString();
    });
    expect(new Set(results).size).toBe(1);
    return results[0]!;
  }

  test.each([
    ['as it is', `data=${encodeURIComponent(text)}`],
    ['in base64', `data=${encodeURIComponent(base64)}`],
    ['in base64 that is not escaped', `data=${base64}`],
    ['in base64 for URLs', `data=${Buffer.from(text).toString('base64url')}`],
    ['among others', `verbose=1&data=${encodeURIComponent(base64)}&x=data`],
    ['under an escaped name', `d%61ta=${encodeURIComponent(base64)}`],
    ['after spaces', `data=++%0A${encodeURIComponent(text)}`],
    ['as the first of two', `data=${encodeURIComponent(base64)}&data=e30%3D`],
  ])('is read %s', (_how, form) => {
    expect(textOf(form)).toBe(text);
  });

  test.each(['', 'data', 'datas=e30', 'dat=e30', 'x=data=e30', 'data=&data=e30'])(
    'is not there: %s',
    (form) => {
      expect(textOf(form)).toBe('');
    },
  );

  test('has its key found', () => {
    const scanner = scannerFor(mixpanel);
    const reader = new FormDataReader((part) => scanner.push(part));
    reader.push(Buffer.from(`ip=1&data=${encodeURIComponent(base64)}`));
    expect(scanner.isFound).toBe(true);
  });
});
