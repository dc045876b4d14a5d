import { describe, expect, test } from 'vitest';

import { modesByKind, modeText, readMode, unplannedMode, violationKinds } from './modes.ts';

function read(value: unknown) {
  const faults: string[] = [];
  const mode = readMode(value, 'mode', (problem, mending) => faults.push(`${problem}. ${mending}`));
  return { mode, faults };
}

const allReject = Object.fromEntries(violationKinds.map((kind) => [kind, 'reject']));
const allWarn = Object.fromEntries(violationKinds.map((kind) => [kind, 'warn']));

describe('a mode', () => {
  test('is enforce by default', () => {
    expect(read(undefined)).toEqual({ mode: 'enforce', faults: [] });
  });

  test.each(['enforce', 'warn', 'off'])('may be the word %s', (word) => {
    expect(read(word)).toEqual({ mode: word, faults: [] });
    expect(modeText(read(word).mode)).toBe(word);
  });

  test('may be a mapping, which rejects the kinds that it omits', () => {
    const { mode, faults } = read({ additional_property: 'strip', wrong_type: 'quarantine' });
    expect(faults).toEqual([]);
    expect(mode).toEqual({ ...allReject, additional_property: 'strip', wrong_type: 'quarantine' });
    expect(modeText(mode)).toBe('wrong_type: quarantine, additional_property: strip');
    expect(modeText(read({}).mode)).toBe('enforce');
  });

  test.each<[unknown, string]>([
    ['strict', 'is not one of enforce, warn, off, and not a mapping'],
    [null, 'is not one of enforce, warn, off, and not a mapping'],
    [['warn'], 'is not one of enforce, warn, off, and not a mapping'],
    [{ wrong_type: 'strip' }, 'Only additional_property can be stripped'],
    [{ wrong_type: 'off' }, 'mode.wrong_type is not one of reject, quarantine, warn, allow'],
    [{ additional_property: 1 }, 'not one of reject, quarantine, warn, strip, allow'],
    [{ additional_properties: 'strip' }, 'Use one of missing_required'],
    [{ unplanned_event: 'warn' }, 'write unplanned: at the top'],
  ])('%j is refused', (value, text) => {
    expect(read(value).faults.join()).toContain(text);
  });
});

describe('what a mode means', () => {
  test('expands the short forms', () => {
    expect(modesByKind('enforce', 'on')).toEqual(allReject);
    expect(modesByKind('warn', 'on')).toEqual(allWarn);
    expect(modesByKind('off', 'on')).toBeUndefined();
  });

  test('treats a mapping that allows everything as off', () => {
    const all = Object.fromEntries(violationKinds.map((kind) => [kind, 'allow']));
    expect(modesByKind(read(all).mode, 'on')).toBeUndefined();
  });

  test('refuses and strips nothing while enforcement is warn, and off stays off', () => {
    const mixed = read({
      wrong_type: 'quarantine',
      additional_property: 'strip',
      advanced_rule: 'allow',
    }).mode;
    expect(modesByKind('enforce', 'warn')).toEqual(allWarn);
    expect(modesByKind(mixed, 'warn')).toEqual({ ...allWarn, advanced_rule: 'allow' });
    expect(modesByKind('off', 'warn')).toBeUndefined();
    expect(unplannedMode('reject', 'warn')).toBe('warn');
    expect(unplannedMode('quarantine', 'warn')).toBe('warn');
    expect(unplannedMode('allow', 'warn')).toBe('allow');
  });
});
