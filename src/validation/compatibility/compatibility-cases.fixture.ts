import type { Concerned } from './compatibility.ts';
import type { JsonObject } from '../../event/json/json.ts';

/** One row of the published table: docs/contracts/compatibility.md is generated from these. */
export interface CompatibilityCase {
  readonly change: string;
  /** Version 1. */
  readonly before: JsonObject;
  /** Version 2. */
  readonly after: JsonObject;
  /** The parties that all findings together break. */
  readonly breaks: readonly Concerned[];
  /** The message of each finding, in order. */
  readonly says: readonly string[];
}

const closed = (properties: JsonObject, required: string[] = []): JsonObject => ({
  type: 'object',
  required,
  additionalProperties: false,
  properties,
});
const open = (properties: JsonObject, required: string[] = []): JsonObject => ({
  type: 'object',
  required,
  properties,
});
/** The same property under two rules. */
const of = (before: JsonObject, after: JsonObject) => ({
  before: closed({ plan: before }),
  after: closed({ plan: after }),
});
const text = { type: 'string' };
const number = { type: 'number' };
const sent = 'producers on version 1 that send values it no longer accepts would be rejected';
const met = 'consumers on version 1 would receive values they do not know';

/** Changes, and what Headgate reports about them. */
export const compatibilityCases: readonly CompatibilityCase[] = [
  {
    change: 'an optional property is added',
    before: closed({ plan: text }),
    after: closed({ plan: text, coupon: text }),
    breaks: [],
    says: ["version 2 adds 'coupon': nothing breaks"],
  },
  {
    change: 'an optional property is added where any property was allowed',
    before: open({ plan: text }),
    after: open({ plan: text, coupon: text }),
    breaks: [],
    says: ["version 2 lists 'coupon', which could have any value before: nothing breaks"],
  },
  {
    change: 'a required property is added',
    before: closed({}),
    after: closed({ currency: text }, ['currency']),
    breaks: ['producers'],
    says: [
      "version 2 adds 'currency': nothing breaks",
      "version 2 makes 'currency' required: producers on version 1 would be rejected",
    ],
  },
  {
    change: 'an optional property becomes required',
    before: closed({ currency: text }),
    after: closed({ currency: text }, ['currency']),
    breaks: ['producers'],
    says: ["version 2 makes 'currency' required: producers on version 1 would be rejected"],
  },
  {
    change: 'a required property becomes optional',
    before: closed({ currency: text }, ['currency']),
    after: closed({ currency: text }),
    breaks: ['consumers'],
    says: ["version 2 makes 'currency' optional: consumers on version 1 would miss it"],
  },
  {
    change: 'an optional property is dropped',
    before: closed({ coupon: text }),
    after: closed({}),
    breaks: ['producers'],
    says: ["version 2 drops 'coupon': producers on version 1 that send it would be rejected"],
  },
  {
    change: 'a required property is dropped',
    before: closed({ coupon: text }, ['coupon']),
    after: closed({}),
    breaks: ['producers', 'consumers'],
    says: [
      "version 2 drops 'coupon': producers on version 1 that send it would be rejected, " +
        'consumers on version 1 would miss it',
    ],
  },
  {
    change: 'a property is no longer listed, and any property is allowed',
    before: open({ coupon: text }),
    after: open({}),
    breaks: ['consumers'],
    says: [`version 2 no longer says what 'coupon' is: ${met}`],
  },
  {
    change: 'unlisted properties are no longer allowed',
    before: open({ plan: text }),
    after: closed({ plan: text }),
    breaks: ['producers'],
    says: [
      'version 2 no longer accepts properties that it does not list in properties: ' +
        'producers on version 1 that send such properties would be rejected',
    ],
  },
  {
    change: 'unlisted properties are allowed',
    before: closed({ plan: text }),
    after: open({ plan: text }),
    breaks: [],
    says: ['version 2 accepts properties that it does not list in properties: nothing breaks'],
  },
  {
    change: 'unlisted properties must have a type',
    before: open({}),
    after: { type: 'object', additionalProperties: number },
    breaks: ['producers'],
    says: [
      'version 2 no longer accepts null or boolean or object or array or string ' +
        `for the unlisted properties of properties: ${sent}`,
    ],
  },
  {
    change: 'an integer becomes a number',
    ...of({ type: 'integer' }, number),
    breaks: ['consumers'],
    says: [`version 2 lets 'plan' be number: ${met}`],
  },
  {
    change: 'a number becomes an integer',
    ...of(number, { type: 'integer' }),
    breaks: ['producers'],
    says: [`version 2 no longer accepts number for 'plan': ${sent}`],
  },
  {
    change: 'a type becomes another',
    ...of(text, number),
    breaks: ['producers', 'consumers'],
    says: [
      `version 2 no longer accepts string for 'plan': ${sent}`,
      `version 2 lets 'plan' be number: ${met}`,
    ],
  },
  {
    change: 'a property may be null too',
    ...of(text, { type: ['string', 'null'] }),
    breaks: ['consumers'],
    says: [`version 2 lets 'plan' be null: ${met}`],
  },
  {
    change: 'a property loses its type',
    ...of(text, {}),
    breaks: ['consumers'],
    says: [`version 2 lets 'plan' be null or boolean or object or array or number: ${met}`],
  },
  {
    change: 'an enum gains a value',
    ...of({ enum: ['free'] }, { enum: ['free', 'team'] }),
    breaks: ['consumers'],
    says: [`version 2 lets 'plan' be "team": ${met}`],
  },
  {
    change: 'an enum loses a value',
    ...of({ enum: ['free', 'team'] }, { enum: ['free'] }),
    breaks: ['producers'],
    says: [`version 2 no longer accepts "team" for 'plan': ${sent}`],
  },
  {
    change: 'a string becomes an enum',
    ...of(text, { enum: ['free', 'team'] }),
    breaks: ['producers'],
    says: [`version 2 lets 'plan' be only "free" or "team": ${sent}`],
  },
  {
    change: 'an enum becomes a string',
    ...of({ enum: ['free', 'team'] }, text),
    breaks: ['consumers'],
    says: [`version 2 lets 'plan' be more than "free" or "team": ${met}`],
  },
  {
    change: 'a minimum is raised',
    ...of({ type: 'number', minimum: 0 }, { type: 'number', minimum: 1 }),
    breaks: ['producers'],
    says: [`version 2 raises the minimum value of 'plan' from 0 to 1: ${sent}`],
  },
  {
    change: 'a minimum becomes exclusive',
    ...of({ type: 'number', minimum: 0 }, { type: 'number', exclusiveMinimum: 0 }),
    breaks: ['producers'],
    says: [`version 2 raises the minimum value of 'plan' from 0 to 0 (excluded): ${sent}`],
  },
  {
    change: 'a maximum is removed',
    ...of({ type: 'number', maximum: 9 }, number),
    breaks: ['consumers'],
    says: [`version 2 removes the maximum value of 'plan' (9): ${met}`],
  },
  {
    change: 'a maxLength is raised',
    ...of({ type: 'string', maxLength: 64 }, { type: 'string', maxLength: 256 }),
    breaks: ['consumers'],
    says: [`version 2 raises the maximum length of 'plan' from 64 to 256: ${met}`],
  },
  {
    change: 'a maxLength is set',
    ...of(text, { type: 'string', maxLength: 64 }),
    breaks: ['producers'],
    says: [`version 2 sets the maximum length of 'plan' to 64: ${sent}`],
  },
  {
    change: 'a minLength of 0 is added',
    ...of(text, { type: 'string', minLength: 0 }),
    breaks: [],
    says: [],
  },
  {
    change: 'multipleOf becomes finer',
    ...of({ type: 'number', multipleOf: 0.1 }, { type: 'number', multipleOf: 0.01 }),
    breaks: ['consumers'],
    says: [`version 2 changes multipleOf of 'plan': ${met}`],
  },
  {
    change: 'a pattern is added',
    ...of(text, { type: 'string', maxLength: 3, pattern: '^[A-Z]{3}$' }),
    breaks: ['producers'],
    says: [
      `version 2 sets the maximum length of 'plan' to 3: ${sent}`,
      `version 2 adds a pattern to 'plan': ${sent}`,
    ],
  },
  {
    change: 'a pattern changes',
    ...of({ type: 'string', pattern: '^a' }, { type: 'string', pattern: '^b' }),
    breaks: ['producers', 'consumers'],
    says: [`version 2 changes the pattern of 'plan': ${sent}, ${met}`],
  },
  {
    change: 'a format is dropped',
    ...of({ type: 'string', format: 'date' }, text),
    breaks: ['consumers'],
    says: [`version 2 drops the format of 'plan': ${met}`],
  },
  {
    change: 'a property inside an item becomes required',
    before: closed({ items: { type: 'array', items: open({ sku: text }) } }),
    after: closed({ items: { type: 'array', items: open({ sku: text }, ['sku']) } }),
    breaks: ['producers'],
    says: ["version 2 makes 'items[].sku' required: producers on version 1 would be rejected"],
  },
  {
    change: 'fewer items are allowed',
    ...of({ type: 'array', maxItems: 500 }, { type: 'array', maxItems: 100 }),
    breaks: ['producers'],
    says: [`version 2 lowers the maximum number of items of 'plan' from 500 to 100: ${sent}`],
  },
  {
    change: 'a property may no longer be sent',
    before: open({ plan: text }),
    after: { type: 'object', properties: { plan: false } as unknown as JsonObject },
    breaks: ['producers'],
    says: [`version 2 forbids 'plan': ${sent}`],
  },
  {
    change: 'anyOf gains a branch',
    ...of({ anyOf: [text] }, { anyOf: [text, number] }),
    breaks: ['consumers'],
    says: [`version 2 adds a branch of anyOf of 'plan': ${met}`],
  },
  {
    change: 'allOf gains a branch',
    ...of({ type: 'string', allOf: [] }, { type: 'string', allOf: [{ minLength: 1 }] }),
    breaks: ['producers'],
    says: [`version 2 adds a branch of allOf of 'plan': ${sent}`],
  },
  {
    change:
      'a rule changes that Headgate does not analyse (`oneOf`, `not`, `if`, `patternProperties`, ...)',
    ...of({ type: 'string', not: { const: 'a' } }, { type: 'string', not: { const: 'b' } }),
    breaks: ['producers', 'consumers'],
    says: [`version 2 changes not of 'plan', which is not analysed: ${sent}, ${met}`],
  },
  {
    change: 'personal data is stored in another form (`x-pii`)',
    ...of({ type: 'string', 'x-pii': 'hash' }, { type: 'string', 'x-pii': 'drop' }),
    breaks: ['consumers'],
    says: [
      "version 2 changes how 'plan' is stored (x-pii): consumers on version 1 would receive another value",
    ],
  },
  {
    change: 'a part moves into `$defs`',
    before: closed({ plan: text }),
    after: { ...closed({ plan: { $ref: '#/$defs/plan' } }), $defs: { plan: text } },
    breaks: [],
    says: [],
  },
  {
    change: 'titles, descriptions, examples, the order of keywords',
    ...of({ type: 'string', description: 'a' }, { examples: ['x'], type: 'string' }),
    breaks: [],
    says: [],
  },
];
