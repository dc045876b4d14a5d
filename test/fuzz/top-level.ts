import type { Chance } from '../endpoints/chance.ts';
import { mutateBytes } from './mutations.ts';

/** The same content as another type of JSON, and values of each type. */
export function otherTypesOf(value: unknown): readonly unknown[] {
  const text = JSON.stringify(value) ?? '';
  const forms: unknown[] = [null, true, false, 0, -1, 1.5, '', 'x', [], {}, [value], { a: value }];
  if (typeof value !== 'string') forms.push(text);
  if (Array.isArray(value)) forms.push({ ...(value as object) }, value[0], [value, value]);
  else if (typeof value === 'object' && value !== null) forms.push(Object.entries(value));
  else forms.push(Number(value), [[value]], { [String(value).slice(0, 20)]: value });
  return forms;
}

/**
 * Gives one to three members of the request itself a value of another type, leaves them out, or writes them
 * twice. `known` has the members that the endpoint reads, also those that the sample does not have.
 */
export function mutateTop(chance: Chance, body: Buffer, known: readonly string[]): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return mutateBytes(chance, body);
  }
  if (Array.isArray(value)) return Buffer.from(JSON.stringify(mutateList(chance, value)));
  if (typeof value !== 'object' || value === null) return mutateBytes(chance, body);
  const members = new Map<string, unknown>(Object.entries(value));
  const names = [...new Set([...members.keys(), ...known])];
  let twice = '';
  for (let count = chance.below(3); count >= 0 && names.length > 0; count -= 1) {
    const name = chance.pick(names);
    const action = chance.below(8);
    const other: unknown = chance.pick(otherTypesOf(members.get(name) ?? '2026-03-01T12:00:00Z'));
    if (action === 0) members.delete(name);
    else if (action === 1) twice = `,${JSON.stringify(name)}:${JSON.stringify(other) ?? 'null'}`;
    else members.set(name, other);
  }
  const text = JSON.stringify(Object.fromEntries(members));
  return Buffer.from(twice === '' || text === '{}' ? text : `${text.slice(0, -1)}${twice}}`);
}

function mutateList(chance: Chance, list: readonly unknown[]): unknown {
  const at = chance.below(list.length);
  switch (chance.below(4)) {
    case 0:
      return chance.pick(otherTypesOf(list));
    case 1:
      return { data: list, events: list, batch: list };
    default:
      return list.map((each, index) => (index === at ? chance.pick(otherTypesOf(each)) : each));
  }
}

/** Gives a field of the message itself another wire type or number, and leaves its bytes. */
export function swapWireType(chance: Chance, message: Buffer): Buffer {
  const tags = tagsOf(message);
  if (tags.length === 0) return mutateBytes(chance, message);
  const swapped = Buffer.from(message);
  const at = chance.pick(tags);
  const [wireType, number] = [swapped[at]! & 7, swapped[at]! >> 3];
  const next =
    chance.below(3) > 0
      ? (number << 3) | ((wireType + 1 + chance.below(7)) & 7)
      : (chance.below(16) << 3) | wireType;
  swapped[at] = next;
  return swapped;
}

/** Where the tags of the fields are that have a number below 16, which is one byte. */
function tagsOf(message: Buffer): number[] {
  const tags: number[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < message.length; shift += 7) {
      const byte = message[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    if (tag < 128) tags.push(start);
    if ((tag & 7) === 0) varint();
    else if ((tag & 7) === 1) at += 8;
    else if ((tag & 7) === 2) at += varint();
    else if ((tag & 7) === 5) at += 4;
    else break;
  }
  return tags;
}
