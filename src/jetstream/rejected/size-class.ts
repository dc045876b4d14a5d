/** What the store of a server adds to a message: its own header, the subject, a checksum. */
const overheadBytes = 128;

const classesPerOctave = 4;

/**
 * The last token of the subject of a rejected event: a class of sizes, a fifth apart. A server counts
 * the messages of each subject, so the classes tell how many bytes a source has in REJECTED, whoever
 * stored or deleted them.
 */
export function sizeClassOf(messageBytes: number): string {
  return String(Math.ceil(Math.log2(messageBytes + overheadBytes) * classesPerOctave));
}

/** The size of the largest message of a class, in bytes: up to 19% more than a message of it has. */
export function bytesOfClass(sizeClass: string): number {
  return 2 ** (Number(sizeClass) / classesPerOctave);
}
