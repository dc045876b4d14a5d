import type { JsonObject } from '../event/json/json.ts';

/** A rule's schema, as Segment writes it: the whole call, in draft-07. */
function callSchema(parts: JsonObject, required: string[] = []): JsonObject {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    labels: {},
    properties: { context: {}, traits: {}, properties: {}, ...parts },
    ...(required.length > 0 && { required }),
  };
}

const orderV1: JsonObject = {
  type: 'object',
  properties: {
    order_id: { type: ['string'], description: 'The id of the order.' },
    total: { type: ['number'], minimum: 0 },
    currency: { type: 'string', enum: ['EUR', 'USD'] },
    coupon: { type: ['string', 'null'], description: '' },
    code: { type: 'string', pattern: '^[A-Z]{2}-\\d+$' },
    email: { type: 'string', format: 'email' },
    link: { type: 'string', format: 'idn-hostname' },
    products: {
      type: 'array',
      uniqueItems: true,
      items: {
        type: 'object',
        properties: { sku: { type: 'string' }, price: { type: 'number' } },
        required: ['sku'],
      },
    },
    pair: {
      type: 'array',
      items: [{ type: 'string' }, { type: 'number' }],
      additionalItems: false,
      minItems: 2,
    },
    three: { type: 'array', items: [{ type: 'string' }, {}, {}] },
    address: { $ref: '#/definitions/address' },
  },
  required: ['order_id', 'total'],
  dependencies: { coupon: ['currency'] },
};

const orderSchema = {
  ...callSchema({ properties: orderV1, context: { required: ['device'], type: 'object' } }, [
    'properties',
    'userId',
  ]),
  labels: { owner: 'checkout', team: 'web' },
  definitions: { address: { type: 'object', properties: { city: { type: 'string' } } } },
};

/** The answer of the Public API to "list rules of a tracking plan". */
export const publicApiPlan: JsonObject = {
  data: {
    trackingPlan: { id: 'tp_1', name: 'Shop', type: 'LIVE' },
    rules: [
      { type: 'TRACK', key: 'Order Completed', version: 1, jsonSchema: orderSchema },
      {
        type: 'TRACK',
        key: 'Order Completed',
        version: 3,
        jsonSchema: {
          ...orderSchema,
          description: 'An order was paid.',
          properties: {
            properties: {
              ...orderV1,
              properties: { ...(orderV1['properties'] as JsonObject), channel: { type: 'string' } },
            },
          },
        },
      },
      {
        type: 'TRACK',
        key: 'Invite Sent',
        version: 1,
        jsonSchema: callSchema({
          properties: {
            type: 'object',
            additionalProperties: false,
            properties: { to: { type: 'string' } },
            required: ['to'],
          },
        }),
      },
      {
        type: 'IDENTIFY',
        version: 1,
        jsonSchema: callSchema({
          traits: {
            type: 'object',
            properties: { email: { type: 'string', format: 'email', maxLength: 100 } },
            required: ['email'],
          },
        }),
      },
      {
        type: 'GROUP',
        version: 1,
        jsonSchema: callSchema({
          traits: {
            type: 'object',
            additionalProperties: false,
            properties: { plan: { type: 'string' } },
          },
        }),
      },
      {
        type: 'COMMON',
        version: 1,
        jsonSchema: callSchema({
          properties: {
            type: 'object',
            properties: { app_version: { type: 'string' } },
            required: ['app_version'],
          },
          context: { type: 'object', required: ['locale'] },
        }),
      },
      { type: 'ALIAS', version: 1, jsonSchema: callSchema({}) },
    ],
  },
};

/** The same kind of plan from the Config API, which was before it. */
export const configApiPlan: JsonObject = {
  name: 'workspaces/shop/tracking-plans/rs_1',
  display_name: 'Shop',
  rules: {
    global: callSchema({}),
    events: [
      {
        name: 'Cart Viewed',
        description: 'The cart was opened.',
        version: 1,
        rules: callSchema({
          properties: {
            type: 'object',
            properties: { cart_id: { type: ['string'] } },
            required: ['cart_id'],
          },
        }),
      },
    ],
    identify: callSchema({}),
    group: callSchema({
      traits: { type: 'object', properties: { seats: { type: 'integer' } } },
    }),
    identify_traits: [
      { name: 'email', description: 'Of the person.', rules: { type: 'string' }, required: true },
    ],
    group_traits: [],
  },
};
