/** The caller disconnected before its request was complete, so no answer is needed. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}
