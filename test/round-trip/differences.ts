export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

/** A field that is not the same on both ways. */
export interface Difference {
  /** Such as `properties.$lib`. */
  readonly field: string;
  /** What the SDK sent. Undefined: nothing. */
  readonly sent: Json | undefined;
  /** What the destination sent. */
  readonly arrived: Json | undefined;
}

/** Every field that differs, in the order of the names. */
export function differences(
  sent: Json | undefined,
  arrived: Json | undefined,
  field = '',
): Difference[] {
  if (!isObject(sent) || !isObject(arrived)) {
    return JSON.stringify(sent) === JSON.stringify(arrived) ? [] : [{ field, sent, arrived }];
  }
  const names = [...new Set([...Object.keys(sent), ...Object.keys(arrived)])].sort();
  return names.flatMap((name) =>
    differences(sent[name], arrived[name], field === '' ? name : `${field}.${name}`),
  );
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
