import type { JsonObject, JsonValue } from '../event/json/json.ts';
import { oneOf, type Random } from './mutations.fixture.ts';

/*
 * Calls as an application with Segment's SDK sends them: Title Case names after Segment's e-commerce
 * and B2B specifications, optional properties, nulls, and names of the application's own.
 */

type Make = (random: Random) => JsonObject;

export const segmentEnums: ReadonlySet<string> = new Set(
  'currency category plan method platform status theme variant payment_method'.split(' '),
);
export const segmentMaps: ReadonlySet<string> = new Set(['experiments']);

const some = (random: Random, share: number, members: JsonObject): JsonObject =>
  random() < share ? members : {};
const id = (random: Random, prefix: string): string =>
  `${prefix}_${Math.floor(random() * 1e9).toString(36)}`;
const money = (random: Random): number => Math.round(random() * 50_000) / 100;
const count = (random: Random, max: number): number => 1 + Math.floor(random() * max);
const time = (random: Random): string =>
  new Date(1_760_000_000_000 + Math.floor(random() * 1e9)).toISOString();
const email = (random: Random): string => `${id(random, 'person')}@example.com`;

const product: Make = (random) => ({
  product_id: id(random, 'p'),
  sku: `SKU-${count(random, 9999)}`,
  name: `Product ${id(random, 'n')}`,
  price: money(random),
  quantity: count(random, 5),
  category: oneOf(random, ['shoes', 'shirts', 'hats', 'bags']),
  ...some(random, 0.3, { brand: `Brand ${count(random, 500)}` }),
  ...some(random, 0.2, { coupon: null }),
});

const products = (random: Random): JsonValue[] =>
  Array.from({ length: count(random, 4) }, () => product(random));

const experiments = (random: Random): JsonObject =>
  Object.fromEntries(
    Array.from({ length: count(random, 3) }, () => [
      `exp_${count(random, 400)}`,
      oneOf(random, ['control', 'a', 'b']),
    ]),
  );

const order: Make = (random) => ({
  order_id: id(random, 'o'),
  checkout_id: id(random, 'c'),
  total: money(random),
  tax: money(random),
  currency: oneOf(random, ['EUR', 'USD', 'GBP', 'CHF']),
  payment_method: oneOf(random, ['card', 'paypal', 'invoice']),
  products: products(random),
  shipping_address: {
    country: oneOf(random, ['DE', 'FR', 'US']),
    postal_code: `${count(random, 99_999)}`,
  },
  ...some(random, 0.25, { coupon: `SAVE${count(random, 9999)}` }),
  ...some(random, 0.5, { discount: money(random) }),
});

const session: Make = (random) => ({
  method: oneOf(random, ['password', 'google', 'sso']),
  platform: oneOf(random, ['web', 'ios', 'android']),
  experiments: experiments(random),
});

/** By the name as it is sent. */
export const segmentEvents: Readonly<Record<string, Make>> = {
  'Product Viewed': product,
  'Product Added': (random) => ({ cart_id: id(random, 'cart'), ...product(random) }),
  'Products Searched': (random) => ({
    query: `words ${id(random, 'q')}`,
    results: Math.floor(random() * 200),
    filters: Array.from({ length: Math.floor(random() * 3) }, () => ({
      type: 'size',
      value: `${count(random, 50)}`,
    })),
  }),
  'Checkout Started': order,
  'Order Completed': order,
  'Order Refunded': (random) => ({ order_id: id(random, 'o'), total: -money(random) }),
  Login: session,
  'Signed Up': (random) => ({
    ...session(random),
    email: email(random),
    plan: oneOf(random, ['free', 'team', 'business']),
    created_at: time(random),
    ...some(random, 0.4, { referrer: `https://example.com/${id(random, 'r')}` }),
  }),
  'Trial Ended': (random) => ({
    plan: oneOf(random, ['free', 'team', 'business']),
    ended_at: time(random),
    seats: count(random, 40),
    converted: random() < 0.3,
    owner: random() < 0.2 ? null : { user_id: id(random, 'u'), email: email(random) },
  }),
  'Invite Sent': (random) => ({ to: email(random), role_id: count(random, 9) }),
  'Settings Changed': (random) => ({
    theme: oneOf(random, ['dark', 'light']),
    notifications: { email: random() < 0.5, push: random() < 0.5, quiet_hours: null },
  }),
  'Video Playback Started': (random) => ({
    session_id: id(random, 's'),
    position: Math.floor(random() * 4000),
    total_length: count(random, 4000),
    bitrate: count(random, 900) * 10,
    status: oneOf(random, ['playing', 'paused']),
  }),
};

/** A line as Segment's SDKs send it. */
export function segmentCall(name: string, properties: JsonObject, random: Random): string {
  return JSON.stringify({
    type: 'track',
    event: name,
    userId: id(random, 'u'),
    messageId: id(random, 'm'),
    timestamp: time(random),
    context: { library: { name: 'analytics-node', version: '3.1.0' } },
    properties,
  });
}
