import { useEffect, useMemo, useState } from 'preact/hooks';

import { Shell } from './shell/shell.tsx';
import { Failed, Loading } from './parts/states.tsx';
import { failureOf } from './service/failure.ts';
import { createService, ServiceContext } from './service/service.ts';
import { readSession, signIn, type Session } from './service/session.ts';
import { SignIn } from './sign-in/sign-in.tsx';

type State =
  | { readonly at: 'start' }
  | { readonly at: 'out'; readonly failure?: unknown }
  | { readonly at: 'in'; readonly session: Session }
  | { readonly at: 'trouble'; readonly failure: unknown };

/** Who is signed in decides what is shown: the form to sign in, or the pages. */
export function App() {
  const [state, setState] = useState<State>({ at: 'start' });
  useEffect(() => {
    void enter().then(setState);
  }, []);
  if (state.at === 'start') return <Loading what="Opening the console" />;
  if (state.at === 'trouble') {
    const failure = failureOf(state.failure) ?? { title: 'It did not work', text: '' };
    return <Failed failure={failure} retry={() => location.reload()} />;
  }
  if (state.at === 'out') {
    return <SignIn failure={state.failure} onDone={(session) => setState({ at: 'in', session })} />;
  }
  return <Pages session={state.session} onLeave={() => setState({ at: 'out' })} />;
}

function Pages({ session, onLeave }: { session: Session; onLeave: () => void }) {
  const service = useMemo(() => createService(session), [session]);
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
      history.replaceState(null, '', location.pathname + location.search);
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
