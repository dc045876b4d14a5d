/** Sixteen digits, or an exponent. A double represents any other number exactly. */
const suspicious = /\d[\d.]{15}|\d[eE][+-]?\d/;

/**
 * The first number of a JSON text that a double cannot represent, as written. Undefined if all are
 * exact. `1.50` and `1.5` are the same number.
 */
export function findInexactNumber(text: string): string | undefined {
  if (!suspicious.test(text)) return undefined;
  let found: string | undefined;
  const look = (_name: string, member: unknown, context?: { source?: string }): unknown => {
    const source = context?.source;
    if (typeof member === 'number' && source !== undefined && !isSame(source, member)) {
      found ??= source;
    }
    return member;
  };
  JSON.parse(text, look);
  return found;
}

function isSame(source: string, value: number): boolean {
  const written = String(value);
  return written === source || (Number.isFinite(value) && plain(written) === plain(source));
}

/** One spelling for each number: its digits without zeros at the ends, and a power of ten. */
function plain(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const exponent = Number(power) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${exponent}`;
}
