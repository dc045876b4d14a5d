/**
 * The pages of a list. Each is asked for while the caller works on the one before. Throws what `read`
 * rejects with, in the place of its page.
 *
 * @param read resolves to the page of a token, which is empty for the first.
 */
export async function* pagesAhead<Page extends { readonly nextPageToken: string }>(
  read: (pageToken: string) => Promise<Page>,
): AsyncGenerator<Page> {
  let next: Promise<Page> | undefined = read('');
  while (next !== undefined) {
    const page: Page = await next;
    next = page.nextPageToken === '' ? undefined : read(page.nextPageToken);
    // It fails when it is awaited; a caller that ends here awaits it no more.
    next?.catch(() => {});
    yield page;
  }
}
