import type { Http2Stream } from './stream.ts';

/** A power of two. */
const placesAtFirst = 16;
/** 2^32 divided by the golden ratio: neighbouring ids come to lie far apart (Knuth, TAOCP 6.4). */
const hashFactor = 0x9e37_79b1;

/**
 * The streams of a connection by their ids.
 *
 * Not a Map: as entries come and go V8 gives a Map a new table again and again, and the old ones, once they
 * are in the old generation, hold every stream that came after them until a full collection. Half of the
 * memory of a gate under gRPC calls was that (docs/understand/hot-path.md). Here a place is empty when its stream
 * is gone: open addressing with linear probing, at most half full, and what follows a hole moves up.
 */
export class StreamTable {
  /** 0: empty; no stream has this id. */
  private ids = new Int32Array(placesAtFirst);
  private streams: (Http2Stream | undefined)[] = Array.from({ length: placesAtFirst });
  private mask = placesAtFirst - 1;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(id: number): Http2Stream | undefined {
    return this.streams[this.placeOf(id)];
  }

  has(id: number): boolean {
    return this.ids[this.placeOf(id)] === id;
  }

  /** The id must not be here yet. */
  add(stream: Http2Stream): void {
    if ((this.count + 1) * 2 > this.ids.length) this.grow();
    this.put(stream);
    this.count += 1;
  }

  delete(id: number): void {
    const { ids, streams, mask } = this;
    let hole = this.placeOf(id);
    if (ids[hole] !== id) return;
    for (let at = (hole + 1) & mask; ids[at] !== 0; at = (at + 1) & mask) {
      const home = this.homeOf(ids[at]!);
      // It may stand at the hole if its home is not between the two.
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      ids[hole] = ids[at]!;
      streams[hole] = streams[at];
      hole = at;
    }
    ids[hole] = 0;
    streams[hole] = undefined;
    this.count -= 1;
  }

  /** As they are now: what is done to one may change the table. */
  values(): Http2Stream[] {
    return this.streams.filter((stream) => stream !== undefined);
  }

  private homeOf(id: number): number {
    return (Math.imul(id, hashFactor) >>> 16) & this.mask;
  }

  /** Where the id is, or the empty place where it would be. */
  private placeOf(id: number): number {
    const { ids, mask } = this;
    let at = this.homeOf(id);
    while (ids[at] !== 0 && ids[at] !== id) at = (at + 1) & mask;
    return at;
  }

  private put(stream: Http2Stream): void {
    const at = this.placeOf(stream.id);
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
