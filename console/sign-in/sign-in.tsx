import { useState } from 'preact/hooks';

import { Dialog } from '../parts/dialogs/dialog.tsx';
import { Failed } from '../parts/states.tsx';
import { failureOf } from '../service/failure.ts';
import { signIn, type Session } from '../service/session.ts';

export interface SignInProps {
  /** Why a link did not work. */
  readonly failure?: unknown;
  readonly onDone: (session: Session) => void;
}

/** The page for those who are not signed in. */
export function SignIn(props: SignInProps) {
  return (
    <main class="sign-in">
      <h1>Headgate</h1>
      <SignInForm {...props} />
    </main>
  );
}

/** Over a page whose session has ended: what was typed there stays. */
export function SignInAgain({ onDone, onClose }: SignInProps & { readonly onClose: () => void }) {
  return (
    <Dialog title="Your session has ended" onClose={onClose}>
      <div class="body sign-in-again">
        <p>
          It ends after a while, when the service restarts, and when a load balancer chooses another
          process. Sign in to go on where you were.
        </p>
        <SignInForm onDone={onDone} />
      </div>
    </Dialog>
  );
}

function SignInForm({ failure: first, onDone }: SignInProps) {
  const [token, setToken] = useState('');
  const [failure, setFailure] = useState<unknown>(first);
  const [isBusy, setIsBusy] = useState(false);
  const submit = (event: Event): void => {
    event.preventDefault();
    setIsBusy(true);
    signIn({ token: token.trim() })
      .then(onDone)
      .catch(setFailure)
      .finally(() => setIsBusy(false));
  };
  const shown = failure === undefined ? undefined : failureOf(failure);
  return (
    <>
      <form onSubmit={submit}>
        <label class="field">
          <span>Operator token</span>
          <input
            type="password"
            autocomplete="current-password"
            required
            autofocus
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main" disabled={isBusy}>
          Sign in
        </button>
      </form>
      {shown !== undefined && <Failed failure={shown} />}
      <p class="quiet">
        An admin makes a token for you with <code>headgate operators new</code>. On a terminal,{' '}
        <code>npm start</code> and <code>headgate serve</code> print a link that signs you in once.
        If <code>admin.token</code> is not set, the file <code>admin-token</code> in the data
        directory has a token.
      </p>
    </>
  );
}
