import type { Http2Stream } from './stream.ts';

/** A power of two. */
const placesAtFirst = 16;
/** 2^32 divided by the golden ratio: it spreads neighbouring ids far apart (Knuth, TAOCP 6.4). */
const hashFactor = 0x9e37_79b1;

/**
 * The streams of a connection by their ids.
 *
 * This is not a Map. When entries are added and removed, V8 allocates a new table for a Map again
 * and again. Once the old tables are in the old generation, they keep every later stream in memory
 * until a full collection. They were half of the memory of a gate under gRPC calls
 * (docs/understand/hot-path.md). In this table a slot becomes empty when its stream is removed:
 * open addressing with linear probing, at most half full, and the entries after a hole move up.
 */
export class StreamTable {
  /** 0 marks an empty slot: no stream has this id. */
  private ids = new Int32Array(placesAtFirst);
  private streams: (Http2Stream | undefined)[] = Array.from({ length: placesAtFirst });
  private mask = placesAtFirst - 1;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(id: number): Http2Stream | undefined {
    return this.streams[this.slotOf(id)];
  }

  has(id: number): boolean {
    return this.ids[this.slotOf(id)] === id;
  }

  /** Adds a stream. Its id must not be in the table yet. */
  add(stream: Http2Stream): void {
    if ((this.count + 1) * 2 > this.ids.length) this.grow();
    this.put(stream);
    this.count += 1;
  }

  delete(id: number): void {
    const { ids, streams, mask } = this;
    let hole = this.slotOf(id);
    if (ids[hole] !== id) return;
    for (let at = (hole + 1) & mask; ids[at] !== 0; at = (at + 1) & mask) {
      const home = this.homeOf(ids[at]!);
      // The entry may move into the hole unless its home slot lies between the hole and the entry.
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      ids[hole] = ids[at]!;
      streams[hole] = streams[at];
      hole = at;
    }
    ids[hole] = 0;
    streams[hole] = undefined;
    this.count -= 1;
  }

  /** A copy of the current streams, because an operation on one may change the table. */
  values(): Http2Stream[] {
    return this.streams.filter((stream) => stream !== undefined);
  }

  /** True if a whole request waits for the application. */
  get awaitsAnswer(): boolean {
    return this.streams.some((stream) => stream?.isRequestEnded === true && !stream.isFinished);
  }

  private homeOf(id: number): number {
    return (Math.imul(id, hashFactor) >>> 16) & this.mask;
  }

  /** The slot of the id, or the empty slot where it would be added. */
  private slotOf(id: number): number {
    const { ids, mask } = this;
    let at = this.homeOf(id);
    while (ids[at] !== 0 && ids[at] !== id) at = (at + 1) & mask;
    return at;
  }

  private put(stream: Http2Stream): void {
    const at = this.slotOf(stream.id);
    this.ids[at] = stream.id;
    this.streams[at] = stream;
  }

  private grow(): void {
    const all = this.values();
    const places = this.ids.length * 2;
    this.ids = new Int32Array(places);
    this.streams = Array.from({ length: places });
    this.mask = places - 1;
    for (const stream of all) this.put(stream);
  }
}
