import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** The parts of an OpenAPI document that the tests use. */
export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>;
    readonly responses: Readonly<Record<string, DescribedAnswer>>;
  };
}

export interface DescribedOperation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly $ref: string }>>;
}

interface DescribedAnswer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}

export interface RealAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/**
 * What an answer has that the document does not describe. Schemas are closed, to find every member.
 */
export function createChecker(
  document: Document,
): (operation: DescribedOperation, answer: RealAnswer) => string[] {
  const { components } = closed(document) as Document;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  const validators = new Map<object, ValidateFunction>();
  const validatorOf = (schema: object): ValidateFunction => {
    const known = validators.get(schema) ?? ajv.compile({ ...schema, components });
    validators.set(schema, known);
    return known;
  };
  return ({ operationId, responses }, { status, contentType, headers, body }) => {
    const told = `${operationId} ${status}`;
    const reference = responses[String(status)]?.$ref;
    if (reference === undefined) return [`${told} is not in the document: ${JSON.stringify(body)}`];
    const described = components.responses[reference.split('/').at(-1)!]!;
    const schema = described.content[contentType]?.schema;
    if (schema === undefined) return [`${told} has no ${contentType} in the document`];
    const faults: string[] = [];
    if (!headers.has('x-correlation-id')) faults.push(`${told} has no x-correlation-id`);
    if (headers.has('retry-after') && described.headers['retry-after'] === undefined) {
      faults.push(`${told} has a retry-after that the document does not know`);
    }
    const validate = validatorOf(schema);
    if (!validate(body))
      faults.push(`${told}: ${ajv.errorsText(validate.errors)} ${JSON.stringify(body)}`);
    return faults;
  };
}

/** Closes every object with named members. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, closed(member)]),
  );
  const isOpen = members['type'] === 'object' && members['properties'] !== undefined;
  return isOpen ? { additionalProperties: false, ...members } : members;
}
