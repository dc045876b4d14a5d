/** `850ms`, `42s`, `3h 5m`, `2d 4h`. */
export function spanText(ms: number): string {
  const seconds = Math.round(Math.max(0, ms) / 1_000);
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}
