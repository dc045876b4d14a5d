/*
 * What the name of a property says about its values. Used where the values alone do not decide, so a
 * wrong guess costs a missing rule or a question in the report, never a refused event.
 */

/** The words of a name: `orderTotalUsd` is `order total usd`. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

const open = new Set(
  (
    'address body city comment description diff email hash href id ids ip key label labels login ' +
    'message name note path phone query ref search sha slug street subject summary tag tags text ' +
    'title token uri url user username uuid'
  ).split(' '),
);

/** Its texts are no list of choices, however few were seen. */
export function isOpenText(name: string): boolean {
  return open.has(wordsOf(name).at(-1) ?? '');
}

const fractional = new Set(
  (
    'amount average avg balance cost discount duration fee height lat latitude length lng lon ' +
    'longitude margin percent percentage price rate ratio revenue score seconds shipping size speed ' +
    'subtotal sum tax temperature total value weight width'
  ).split(' '),
);

/** May have a fraction although only whole numbers were seen. */
export function mayBeFraction(name: string): boolean {
  const words = wordsOf(name);
  if (words.includes('cents') || words.includes('count') || words.includes('ms')) return false;
  return words.some((word) => fractional.has(word));
}

const signed = new Set(
  (
    'amount balance change delta difference lat latitude lng lon longitude margin offset temperature ' +
    'total revenue value x y'
  ).split(' '),
);

/** May be negative although no such number was seen: a refund, a place in the west. */
export function mayBeNegative(name: string): boolean {
  return wordsOf(name).some((word) => signed.has(word));
}

const personalWords = new Set(
  (
    'birthday birthdate dob email emails firstname fullname iban lastname mobile passport phone ' +
    'ssn street surname telephone'
  ).split(' '),
);
const personalPairs = new Set(
  (
    'account number|birth date|card number|credit card|date of birth|first name|full name|' +
    'ip address|last name|postal code|remote ip|street address|tax id|user agent|zip code'
  ).split('|'),
);

/** Looks like data about a person. */
export function looksPersonal(name: string): boolean {
  const words = wordsOf(name);
  if (words.at(-1) === 'ip') return true;
  if (/^(is|has|count|verified|consent)$/.test(words[0] ?? '')) return false;
  if (words.some((word) => personalWords.has(word))) return !/^(id|count)$/.test(words.at(-1)!);
  const text = ` ${words.join(' ')} `;
  return [...personalPairs].some((pair) => text.includes(` ${pair} `));
}

/** An id, a date, a number or an address: the name of an entry of a map, not of a property. */
export function looksLikeKey(name: string): boolean {
  return (
    /^\d+$/.test(name) ||
    /^[0-9a-f]{8,}$/i.test(name) ||
    /^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(name) ||
    /^\d{4}-\d\d(-\d\d)?/.test(name) ||
    /^[A-Za-z]{1,8}[-_:]\d+$/.test(name) ||
    name.includes('@') ||
    name.includes('/')
  );
}
