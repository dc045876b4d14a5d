/** What each node leads to. */
export type Graph = ReadonlyMap<string, Iterable<string>>;

/**
 * The circles of a graph: groups of nodes that each lead to all others of the group, and nodes that lead
 * to themselves. Sorted. (Tarjan's algorithm; an edge to a node outside the graph counts for nothing.)
 */
export function circlesOf(graph: Graph): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];

  const visit = (node: string): void => {
    order.set(node, order.size);
    lowest.set(node, order.get(node)!);
    stack.push(node);
    for (const next of graph.get(node)!) {
      if (!graph.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) {
        lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!));
      }
    }
    if (lowest.get(node) !== order.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    const leadsToItself = [...graph.get(node)!].includes(node);
    if (group.length > 1 || leadsToItself) circles.push(group.toSorted());
  };

  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles.toSorted((a, b) => a[0]!.localeCompare(b[0]!));
}
