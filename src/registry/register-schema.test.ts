import { expect, test } from 'vitest';
import { registerSchema } from './register-schema.ts';
import type { RegistryEditorOptions } from './registry-editor.ts';

const schemaOf = (property: string): string =>
  JSON.stringify({ type: 'object', properties: { [property]: { type: 'string' } } });

test('the versions of a dry run are compiled one at a time, and other work is done in between', async () => {
  const contents = {
    isFilled: () => true,
    registry: () => ({ naming: 'any', events: [] }),
    hasRoomFor: () => true,
    versionsOf: () => [],
    fieldsOf: () => undefined,
    canHash: false,
  };
  const earlierTexts = Array.from({ length: 20 }, (_, at) => schemaOf(`p${at}`));
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  const { version } = await registerSchema(
    { contents, refresh: async () => {} } as unknown as RegistryEditorOptions,
    {
      name: 'thing_pushed',
      version: 0,
      schemaText: schemaOf('last'),
      entryText: '',
      activate: false,
      validateOnly: true,
      earlierTexts,
    },
  );
  done = true;
  expect(version.version).toBe(21);
  expect(turns).toBeGreaterThanOrEqual(earlierTexts.length);
});
