import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Does something for each of many items in order, `perTurn` of them in each turn of the event loop, so that the requests of
 * others are taken meanwhile. The first ones are done before it returns.
 */
export async function eachInTurns<Item>(
  items: readonly Item[],
  perTurn: number,
  work: (item: Item, index: number) => void,
): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % perTurn === 0) await nextTurn();
    work(item, index);
  }
}
