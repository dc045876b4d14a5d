import { Code, ConnectError } from '@connectrpc/connect';

/** What went wrong, in words that say how to fix it. */
export interface Failure {
  readonly title: string;
  readonly text: string;
}

/** Undefined if the viewer left the page, so that no one waits for the answer. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof Error && error.name === 'AbortError') return undefined;
  const found = ConnectError.from(error);
  if (found.code === Code.Canceled) return undefined;
  const { rawMessage } = found;
  if (found.code === Code.Unauthenticated) {
    return { title: 'You are signed out', text: 'Sign in, then try again.' };
  }
  if (found.code === Code.PermissionDenied) {
    return { title: 'Your role does not allow this', text: rawMessage };
  }
  if (found.code === Code.Unimplemented) {
    return { title: 'This gate does not have this yet', text: 'Upgrade the service.' };
  }
  // What the service answers may have these words, too.
  const isUnanswered = found.cause instanceof TypeError;
  if (isUnanswered && /failed to fetch|network|load failed/i.test(rawMessage)) {
    return {
      title: 'The service does not answer',
      text: 'Check that it runs, then try again: headgate doctor.',
    };
  }
  return { title: 'It did not work', text: rawMessage };
}

/** Whether the service says that the thing that was requested does not exist, or never could. */
export function isUnknown(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.NotFound || code === Code.InvalidArgument;
}
