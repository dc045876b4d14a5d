const args = process.argv.slice(2);

/** What follows an option: `--beside FOLDER`. Undefined without it. */
export function valueAfter(name: string): string | undefined {
  const at = args.indexOf(name);
  return at === -1 ? undefined : args[at + 1];
}

/** The number after an option. */
export function numberAfter(name: string, otherwise: number): number {
  const value = valueAfter(name);
  return value === undefined ? otherwise : Number(value);
}

export function hasOption(name: string): boolean {
  return args.includes(name);
}
