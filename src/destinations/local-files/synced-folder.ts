import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';

/** Makes a folder, and those above it, if they are missing: with this mode, and so that they survive a power cut. */
export function makeSyncedFolder(folder: string, mode: number): void {
  const first = mkdirSync(folder, { recursive: true });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = path.dirname(at)) {
    chmodSync(at, mode);
    // A folder survives a power cut only once its parent folder is synced.
    syncFolder(path.dirname(at));
  }
}

/** A new or renamed file survives a power cut only once its folder is synced. */
export function syncFolder(folder: string): void {
  // Windows neither needs this nor can do it.
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
