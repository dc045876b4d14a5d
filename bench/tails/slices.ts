import { writeFileSync } from 'node:fs';

/*
 * Loaded into a gate with `--import`: how long its event loop is held up, in CPU time of the main
 * thread, which does not depend on what else the machine does. A timer looks every few milliseconds;
 * the CPU since its last look is at most that interval, plus the work that held it up. On SIGUSR2 the
 * figures since the last one are written to the file in BENCH_SLICES_FILE.
 */
const intervalMs = 2;
const file = process.env['BENCH_SLICES_FILE'];

const usedMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

if (file !== undefined) {
  let slices: number[] = [];
  let last = usedMs();
  const look = (): void => {
    const now = usedMs();
    slices.push(now - last);
    last = now;
  };
  setInterval(look, intervalMs).unref();
  process.on('SIGUSR2', () => {
    slices.sort((left, right) => right - left);
    writeFileSync(file, JSON.stringify({ longestMs: slices.slice(0, 10) }));
    slices = [];
  });
}
