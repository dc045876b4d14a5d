import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { Shell } from './shell/shell.tsx';
import { Failed, Loading } from './parts/states.tsx';
import { failureOf } from './service/failure.ts';
import { createService, ServiceContext } from './service/service.ts';
import { onOtherTab, readSession, signIn, type Session } from './service/session.ts';
import { SignIn, SignInAgain } from './sign-in/sign-in.tsx';

type State =
  | { readonly at: 'start' }
  | { readonly at: 'out'; readonly failure?: unknown }
  /** `isEnded`: the session was good when the page was opened, and has ended since. */
  | { readonly at: 'in'; readonly session: Session; readonly isEnded?: true }
  | { readonly at: 'trouble'; readonly failure: unknown };

/** Who is signed in decides what is shown: the form to sign in, or the pages. */
export function App() {
  const [state, setState] = useState<State>({ at: 'start' });
  // Answers may come in another order than the questions: only the last change counts.
  const changes = useRef(0);
  const show = (next: State): void => {
    changes.current += 1;
    setState(next);
  };
  useEffect(() => {
    const ask = async (): Promise<void> => {
      changes.current += 1;
      const change = changes.current;
      const next = await enter();
      if (change === changes.current) setState(next);
    };
    void ask();
    return onOtherTab(() => void ask());
  }, []);
  if (state.at === 'start') return <Loading what="Opening the console" />;
  if (state.at === 'trouble') {
    const failure = failureOf(state.failure) ?? { title: 'It did not work', text: '' };
    return <Failed failure={failure} retry={() => location.reload()} />;
  }
  if (state.at === 'out') {
    return <SignIn failure={state.failure} onDone={(session) => show({ at: 'in', session })} />;
  }
  const { session } = state;
  const leave = (): void => show({ at: 'out' });
  return (
    <>
      <Pages
        session={session}
        onEnd={() => setState((now) => (isIn(now, session) ? { ...now, isEnded: true } : now))}
        onLeave={leave}
      />
      {state.isEnded && (
        <SignInAgain onDone={(next) => show({ at: 'in', session: next })} onClose={leave} />
      )}
    </>
  );
}

type Inside = Extract<State, { readonly at: 'in' }>;

/** A late answer may be about a session that another one has replaced. */
function isIn(state: State, session: Session): state is Inside {
  return state.at === 'in' && state.session === session;
}

interface PagesProps {
  readonly session: Session;
  readonly onEnd: () => void;
  readonly onLeave: () => void;
}

function Pages({ session, onEnd, onLeave }: PagesProps) {
  const service = useMemo(() => createService(session, onEnd), [session]);
  return (
    <ServiceContext.Provider value={service}>
      <Shell onLeave={onLeave} />
    </ServiceContext.Provider>
  );
}

/** With the code of the link that the service prints, or else with the session of this browser. */
async function enter(): Promise<State> {
  const code = /^#code=(.+)$/.exec(location.hash)?.[1];
  try {
    if (code !== undefined) {
      // Out of the address and the history before anything else happens: it is for one use.
      // The whole address: a path that begins with two slashes would name another host.
      history.replaceState(null, '', location.href.split('#', 1)[0]);
      try {
        return { at: 'in', session: await signIn({ code: decodeURIComponent(code) }) };
      } catch (failure) {
        const session = await readSession();
        return session === undefined ? { at: 'out', failure } : { at: 'in', session };
      }
    }
    const session = await readSession();
    return session === undefined ? { at: 'out' } : { at: 'in', session };
  } catch (failure) {
    return { at: 'trouble', failure };
  }
}
