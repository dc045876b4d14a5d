import { readdirSync, readFileSync } from 'node:fs';

/** CPU of a process and of those below it, in seconds. Needs Linux's /proc; ticks are of 10 ms. */
export function cpuSecondsOf(root: number): number {
  const below = new Map<number, ProcessStat[]>();
  let seconds = 0;
  for (const stat of readAll()) {
    below.set(stat.parent, [...(below.get(stat.parent) ?? []), stat]);
    if (stat.id === root) seconds += stat.seconds;
  }
  const waiting = [root];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const child of below.get(id) ?? []) {
      seconds += child.seconds;
      waiting.push(child.id);
    }
  }
  return seconds;
}

/** CPU of a process alone, in seconds; NaN if it has ended. */
export function ownCpuSeconds(id: number): number {
  return readStat(String(id))?.ownSeconds ?? Number.NaN;
}

/** CPU of the first thread of a process, in seconds: the event loop of Node; NaN if it has ended. */
export function mainThreadCpuSeconds(id: number): number {
  return readStat(`${id}/task/${id}`)?.ownSeconds ?? Number.NaN;
}

/** CPU of the ended children of a process, in seconds; NaN if it has ended itself. */
export function endedChildrenCpuSeconds(id: number): number {
  const stat = readStat(String(id));
  return stat === undefined ? Number.NaN : stat.seconds - stat.ownSeconds;
}

/** The ids of the processes right below one. */
export function childrenOf(parent: number): number[] {
  return readAll()
    .filter((stat) => stat.parent === parent)
    .map(({ id }) => id);
}

interface ProcessStat {
  readonly id: number;
  readonly parent: number;
  /** Of user and system. */
  readonly ownSeconds: number;
  /** The same, its ended children included. */
  readonly seconds: number;
}

function readAll(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(name) ?? []);
}

/** Of a process, or of a thread (`12/task/12`). Undefined if it has ended by now. */
function readStat(place: string): ProcessStat | undefined {
  try {
    const fields = readFileSync(`/proc/${place}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const secondsAt = (...places: number[]): number =>
      places.reduce((sum, at) => sum + Number(fields[at]), 0) / 100;
    const ownSeconds = secondsAt(11, 12);
    const id = Number.parseInt(place, 10);
    return { id, parent: Number(fields[1]), ownSeconds, seconds: ownSeconds + secondsAt(13, 14) };
  } catch {
    return undefined;
  }
}
