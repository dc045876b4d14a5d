import { expect, test } from 'vitest';

import { nameOfType, snakeName } from './vendor-names.ts';

test.for([
  ['Order Completed', 'order_completed'],
  ['order_completed', 'order_completed'],
  ['orderCompleted', 'order_completed'],
  ['order-completed', 'order_completed'],
  ['  Order  Completed! ', 'order_completed'],
  ['HTTPRequest Viewed', 'http_request_viewed'],
  ['$feature_flag_called', 'feature_flag_called'],
  ['Café Viewed', 'cafe_viewed'],
  ['Größe Geändert', 'Größe Geändert'],
  ['Заказ Оплачен', 'Заказ Оплачен'],
  ['🎉', '🎉'],
  ['', ''],
  ['a'.repeat(513), 'a'.repeat(513)],
] as const)('%s', ([sent, name]) => {
  expect(snakeName(sent)).toBe(name);
});

test('a name stays as it is once it is one', () => {
  for (const sent of ['Order Completed', 'HTTPRequest Viewed', 'a2B Paid']) {
    expect(snakeName(snakeName(sent))).toBe(snakeName(sent));
  }
});

test.for([
  ['com.example.order.completed', 'order_completed'],
  ['com.example.order_completed', 'order_completed'],
  ['com.example.OrderCompleted', 'order_completed'],
  ['com.example.order.completed.v2', 'order_completed'],
  ['com.github.pull_request.opened', 'pull_request_opened'],
  ['order.completed', 'order_completed'],
  ['Order Completed', 'order_completed'],
  ['completed', 'completed'],
  ['.', ''],
  ['v1', 'v1'],
] as const)('a type: %s', ([type, name]) => {
  expect(nameOfType(type)).toBe(name);
});
