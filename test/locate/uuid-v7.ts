import { randomBytes } from 'node:crypto';

/** A UUID of version 7 (RFC 9562 §5.7), such as a producer's key. */
export function uuidV7(timeMs = Date.now()): string {
  const time = timeMs.toString(16).padStart(12, '0');
  const rest = randomBytes(10).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-8${rest.slice(3, 6)}-${rest.slice(6, 18)}`;
}
