/** These rows cannot be sent by `COPY`, for a reason that says nothing of whether `INSERT` takes them. */
export class NoCopyError extends Error {
  override readonly name = 'NoCopyError';
}
