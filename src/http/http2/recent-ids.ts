/** The stream ids that were put in last; older ones are forgotten. */
export class RecentIds {
  private readonly count: number;
  /** Made for the first of them: most connections never need it. */
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
