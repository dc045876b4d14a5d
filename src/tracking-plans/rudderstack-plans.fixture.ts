/** Files of a Rudder CLI project in its first form (`rudder/v0.1`), by their names. */
export const firstProject: Readonly<Record<string, string>> = {
  'events.yaml': `
version: rudder/v0.1
kind: events
metadata: { name: shop }
spec:
  events:
    - id: product_viewed
      name: "Product Viewed"
      event_type: track
      description: "A product was opened."
      category: "#/categories/shop/browsing"
    - { id: identify, event_type: identify }
    - { id: page, event_type: page }
`,
  'categories.yaml': `
version: rudder/v0.1
kind: categories
metadata: { name: shop }
spec:
  categories: [{ id: browsing, name: "Browsing" }]
`,
  'properties.yaml': `
version: rudder/v0.1
kind: properties
metadata: { name: shop }
spec:
  properties:
    - { id: sku, name: "sku", type: "#/custom-types/shop/sku", description: "What is sold." }
    - { id: price, name: "price", type: "number, null", propConfig: { minimum: 0 } }
    - { id: method, name: "method", type: "string", propConfig: { enum: ["card", "invoice"] } }
    - { id: iban, name: "iban", type: "string", propConfig: { minLength: 15, maxLength: 34 } }
    - { id: tags, name: "tags", type: "array", propConfig: { itemTypes: ["string", "integer"] } }
    - { id: maker, name: "maker", type: "object" }
    - { id: city, name: "city", type: "string" }
    - { id: size, name: "size", type: "#/custom-types/shop/box" }
    - { id: email, name: "email", type: "string", propConfig: { format: "email" } }
`,
  'types.yaml': `
version: rudder/v0.1
kind: custom-types
metadata: { name: shop }
spec:
  types:
    - { id: sku, name: "Sku", type: "string", config: { pattern: "^[A-Z]+-[0-9]+$", maxLength: 20 } }
    - id: box
      name: "Box"
      type: "object"
      properties: [{ $ref: "#/properties/shop/price", required: true }]
`,
  'nested/plan.yaml': `
version: rudder/v0.1
kind: tp
metadata: { name: shop }
spec:
  id: shop
  display_name: "Shop"
  rules:
    - type: event_rule
      id: viewed
      event: { $ref: "#/events/shop/product_viewed", allow_unplanned: false }
      properties:
        - { $ref: "#/properties/shop/sku", required: true }
        - { $ref: "#/properties/shop/price", required: false }
        - { $ref: "#/properties/shop/method" }
        - { $ref: "#/properties/shop/tags" }
        - { $ref: "#/properties/shop/size" }
        - $ref: "#/properties/shop/maker"
          properties: [{ $ref: "#/properties/shop/city", required: true }]
      variants:
        - type: discriminator
          discriminator: "#/properties/shop/method"
          cases:
            - display_name: "By invoice"
              match: ["invoice"]
              properties: [{ $ref: "#/properties/shop/iban", required: true }]
          default: []
    - type: event_rule
      id: identify
      event: { $ref: "#/events/shop/identify" }
      identity_section: "traits"
      properties: [{ $ref: "#/properties/shop/email", required: true }]
    - type: event_rule
      id: page
      event: { $ref: "#/events/shop/page", allow_unplanned: false }
      properties: [{ $ref: "#/properties/shop/sku" }, { $ref: "#/properties/shop/none" }]
    - { type: event_rule, id: gone, event: { $ref: "#/events/shop/gone" } }
`,
};

/** The later form (`rudder/v1`), in one file. */
export const laterProject = `
version: rudder/v1
kind: events
metadata: { name: events }
spec:
  events: [{ id: product_viewed, name: "Product Viewed", event_type: track }]
---
version: rudder/v1
kind: properties
metadata: { name: properties }
spec:
  properties:
    - { id: sku, name: "sku", type: string, config: { min_length: 3, max_length: 20 } }
    - { id: amounts, name: "amounts", type: array, item_types: [number] }
    - { id: either, name: "either", types: [string, "null"] }
---
version: rudder/v1
kind: tracking-plan
metadata: { name: shop }
spec:
  id: shop
  display_name: "Shop"
  rules:
    - type: event_rule
      id: viewed
      event: "#event:product_viewed"
      additional_properties: false
      properties:
        - { property: "#property:sku", required: true }
        - { property: "#property:amounts" }
        - { property: "#property:either" }
`;

/** The answer of the Data Catalog API, with an event of each form. */
export const apiPlan = {
  id: 'tp_1',
  name: 'Shop',
  version: 3,
  events: [
    {
      name: 'Product Viewed',
      eventType: 'track',
      description: 'A product was opened.',
      rules: {
        $schema: 'http://json-schema.org/draft-07/schema#',
        type: 'object',
        properties: {
          properties: {
            type: 'object',
            required: ['amount'],
            additionalProperties: false,
            properties: { amount: { type: ['number'] } },
          },
        },
      },
    },
    {
      name: 'Product Added',
      eventType: 'track',
      properties: [
        {
          name: 'details',
          type: 'object',
          propConfig: {},
          required: false,
          additionalProperties: false,
          properties: [
            { name: 'id', type: 'string', propConfig: { minLength: 1 }, required: true },
          ],
        },
        { name: 'amount', type: 'number, string', propConfig: {}, required: true },
      ],
    },
    {
      name: '',
      eventType: 'identify',
      identitySection: 'context.traits',
      rules: {
        type: 'object',
        properties: {
          context: {
            type: 'object',
            properties: {
              traits: {
                type: 'object',
                properties: { email: { type: ['string'] } },
                required: ['email'],
              },
            },
          },
        },
      },
    },
    { name: 'Old', eventType: 'alias', rules: {} },
  ],
};
