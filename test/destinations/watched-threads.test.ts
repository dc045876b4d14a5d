import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const program = path.join(import.meta.dirname, 'watched-threads.program.ts');

test("messages by which Node's --watch follows a thread are not answers of the thread", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-watched-'));
  try {
    // As `node --watch` starts the program: with this variable and a channel.
    const child = fork(program, [folder], {
      env: { ...process.env, WATCH_REPORT_DEPENDENCIES: '1' },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const followed: unknown[] = [];
    child.on('message', (message) => followed.push(message));
    const [printed, [code]] = await Promise.all([text(child.stdout!), once(child, 'close')]);
    expect(JSON.stringify(followed)).toContain('destinations/sqlite/writer.ts');
    expect(JSON.stringify(followed)).toContain('destinations/parquet/exporter.ts');
    expect(JSON.stringify(followed)).toContain('destinations/objects/split-file.ts');
    expect(code).toBe(0);
    expect(JSON.parse(printed)).toEqual({
      kinds: ['delivered', 'delivered'],
      files: 1,
      events: 1,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
