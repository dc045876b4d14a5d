import { cpSync, symlinkSync } from 'node:fs';
import path from 'node:path';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { camelCase, pascalCase } from '../../src/codegen/encode/names.ts';
import type { Language } from '../../src/codegen/generate.ts';
import { schemasFolder } from '../../src/validation/schemas-folder.fixture.ts';
import { isMissing, openWorkshop, root, type Compiled, type Workshop } from './generated-client.ts';
import {
  anyAttack,
  ascii,
  filesOf,
  hostileEvent,
  knownAttacks,
  reservedEvents,
  type HostileEvent,
} from './hostile-schemas.ts';
import { goStubs, javaStubs, pythonStubs } from './protobuf-stubs.ts';

/*
 * Every known attack and as many made ones are in one folder of schemas. Its client is generated,
 * compiled with the real compiler, imported and used: no text may have run, the compiler may have
 * nothing to say, and each property must arrive under its own name.
 */

const randomTexts = 60;
/** On its first run, a compiler builds its own library, and the machine may be busy. */
const timeout = 400_000;

interface Hostile {
  readonly workshop: Workshop;
  readonly events: readonly HostileEvent[];
}

async function openHostile(language: Language, under = '', protoImport?: string): Promise<Hostile> {
  const made = fc.sample(anyAttack(language), randomTexts);
  const texts = [...knownAttacks(language), ...made];
  const events = [
    ...texts.map((text, index) => hostileEvent(index, text)),
    ...reservedEvents(texts.length),
  ];
  const schemas = schemasFolder(filesOf(events, texts));
  return { workshop: await openWorkshop({ language, protoImport }, under, schemas), events };
}

/** What the program printed: one line of JSON for each event. Else all of its output. */
function printedBy({ status, output }: Compiled): unknown {
  if (status !== 0) return `${status}: ${output.slice(0, 3000)}`;
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

const examples = (events: readonly HostileEvent[]) =>
  events.map(({ name, example }) => [name, example]);

describe('hostile schemas', { timeout }, () => {
  test('compile in TypeScript, and run nothing', async () => {
    const { workshop, events } = await openHostile('ts');
    symlinkSync(path.join(root, 'node_modules'), path.join(workshop.folder, 'node_modules'));
    cpSync(path.join(root, 'tsconfig.json'), path.join(workshop.folder, 'base.json'));
    const uses = events.map(({ name, example }) => {
      const event = `{ userId: 'u', properties: ${ascii(example)} }`;
      return `print(${JSON.stringify(name)}, events.${camelCase(name)}Event(${event}));`;
    });
    workshop.write({
      'tsconfig.json': '{"extends":"./base.json","include":["*.ts"]}',
      'package.json': '{"type":"module"}',
      'use.ts': `import * as events from './events.ts';
function print(name: keyof events.Events, event: events.EventMessage): void {
  console.log(JSON.stringify([name, JSON.parse(event.propertiesJson)]));
}
${uses.join('\n')}
`,
    });
    expect(workshop.run(path.join(root, 'node_modules/.bin/tsc'), [])).toEqual({
      status: 0,
      output: '',
    });
    expect(printedBy(workshop.run(process.execPath, ['use.ts']))).toEqual(examples(events));
  });

  test.skipIf(isMissing('go', ['version']))('compile in Go, and run nothing', async () => {
    const protoImport = 'example.com/shop/gen/headgate/v1';
    const { workshop, events } = await openHostile('go', 'events', protoImport);
    const uses = events.map(({ name, values }) => {
      const type = `events.${pascalCase(name)}Properties`;
      const constant = `${type}E${pascalCase(values[0]!)}`;
      return `print(${ascii(name)}, ${type}{}, ${constant})`;
    });
    workshop.write({ ...goStubs, 'use/main.go': goMain(uses) });
    const env = { GOFLAGS: '-mod=mod', GOPROXY: 'off' };
    expect(workshop.run('go', ['vet', './events', './use'], env)).toEqual({
      status: 0,
      output: '',
    });
    // The program fills in every text with "v"; its enums are texts.
    const wanted = events.map(({ name, example, values }) => {
      const texts = { e: 'v', ...('c' in example && { c: 'v' }) };
      return [name, [{ ...example, ...texts }, values[0]]];
    });
    expect(printedBy(workshop.run('go', ['run', './use'], env))).toEqual(wanted);
  });

  const isNew = ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'];
  test.skipIf(isMissing('python3', isNew))('compile in Python, and run nothing', async () => {
    const { workshop, events } = await openHostile('python');
    const uses = events.map(
      ({ name, example }) =>
        `show(${ascii(name)}, events.${pascalCase(name)}Properties, events.${name}_event, ${ascii(ascii(example))})`,
    );
    workshop.write({ ...pythonStubs, 'use.py': `${pythonMain}${uses.join('\n')}\n` });
    const wanted = events.map(({ name, example, values }) => [
      name,
      [example, Object.keys(example).toSorted(), values],
    ]);
    expect(printedBy(workshop.run('python3', ['-W', 'error', 'use.py']))).toEqual(wanted);
  });

  test.skipIf(isMissing('javac', ['--version']))('compile in Java, and run nothing', async () => {
    const { workshop, events } = await openHostile('java');
    workshop.write({ ...javaStubs, 'Use.java': javaMain(events) });
    const sources = [...Object.keys(javaStubs), 'headgate/events/HeadgateEvents.java', 'Use.java'];
    // In ASCII, as on a machine that names no encoding.
    const flags = ['-Xlint:all', '-Werror', '-encoding', 'US-ASCII', '-d', 'classes'];
    expect(workshop.run('javac', [...flags, ...sources])).toEqual({ status: 0, output: '' });
    const wanted = events.map(({ name, example, values }) => [name, [example, values]]);
    const run = ['-Dfile.encoding=UTF-8', '-cp', 'classes', 'Use'];
    expect(printedBy(workshop.run('java', run))).toEqual(wanted);
  });
});

const goMain = (uses: readonly string[]): string => `package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"example.com/shop/events"
)

func fill(value reflect.Value) {
	switch value.Kind() {
	case reflect.String:
		value.SetString("v")
	case reflect.Int64:
		value.SetInt(1)
	case reflect.Float64:
		value.SetFloat(1.5)
	case reflect.Interface:
		value.Set(reflect.ValueOf("v"))
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Struct:
		for at := range value.NumField() {
			fill(value.Field(at))
		}
	}
}

func print[Properties any](name string, properties Properties, constant string) {
	fill(reflect.ValueOf(&properties).Elem())
	line, err := json.Marshal([]any{name, []any{properties, constant}})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func main() {
	${uses.join('\n\t')}
}
`;

/** Evaluates every annotation, as a checker of types would. */
const pythonMain = `import json
import typing
import headgate_events as events


def show(name, properties, build, text):
    hints = typing.get_type_hints(properties)
    values = typing.get_args(hints["e"])
    sent = json.loads(build(json.loads(text), user_id="u").properties_json)
    print(json.dumps([name, [sent, sorted(hints), values]]))


`;

const javaMain = (
  events: readonly HostileEvent[],
): string => `import headgate.events.HeadgateEvents;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

public class Use {
  static Object fill(Type type) throws Exception {
    if (type instanceof ParameterizedType list) return List.of(fill(list.getActualTypeArguments()[0]));
    Class<?> wanted = (Class<?>) type;
    if (wanted == String.class || wanted == Object.class) return "v";
    if (wanted == long.class || wanted == Long.class) return 1L;
    if (wanted == double.class) return 1.5;
    if (wanted.isEnum()) return wanted.getEnumConstants()[0];
    Constructor<?> constructor = wanted.getConstructors()[0];
    Object made = constructor.newInstance(all(constructor.getGenericParameterTypes()));
    for (Method method : wanted.getDeclaredMethods()) {
      if (method.getReturnType() == wanted && method.getParameterCount() == 1) {
        method.invoke(made, all(method.getGenericParameterTypes()));
      }
    }
    return made;
  }

  static Object[] all(Type[] types) throws Exception {
    Object[] values = new Object[types.length];
    for (int at = 0; at < types.length; at++) values[at] = fill(types[at]);
    return values;
  }

  static String quoted(Object text) {
    StringBuilder out = new StringBuilder("\\"");
    for (char each : text.toString().toCharArray()) out.append(String.format("\\\\u%04x", (int) each));
    return out.append('"').toString();
  }

  public static void main(String[] arguments) throws Exception {
    for (String name : List.of(${events.map(({ name }) => ascii(name)).join(', ')})) {
      String type = "headgate.events.HeadgateEvents$" + name.substring(0, 1).toUpperCase() + name.substring(1).replace("_m", "M") + "Properties";
      Object made = fill(Class.forName(type));
      String values = Arrays.toString(Arrays.stream(Class.forName(type + "E").getEnumConstants()).map(Use::quoted).toArray());
      System.out.println("[\\"" + name + "\\", [" + made + "," + values + "]]");
    }
  }
}
`;
