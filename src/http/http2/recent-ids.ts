/** Remembers the most recently added stream ids, and forgets older ones. */
export class RecentIds {
  private readonly count: number;
  /** Created for the first id: most connections never need it. */
  private ids: Uint32Array | undefined;
  private next = 0;

  constructor(count: number) {
    this.count = count;
  }

  add(id: number): void {
    this.ids ??= new Uint32Array(this.count);
    this.ids[this.next] = id;
    this.next = (this.next + 1) % this.count;
  }

  has(id: number): boolean {
    return this.ids !== undefined && this.ids.includes(id);
  }
}
