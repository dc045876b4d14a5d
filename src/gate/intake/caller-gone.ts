/** The caller went away before its request was whole: there is nobody to answer. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}
