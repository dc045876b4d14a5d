import { learnClock } from './clock.ts';

export type Role = 'viewer' | 'operator' | 'admin';

/** Who is signed in. The secret of the session is a cookie that scripts cannot read. */
export interface Session {
  readonly name: string;
  readonly role: Role;
  /** RFC 3339. */
  readonly expires_at?: string;
}

const address = '/console/session';
const headers = { 'content-type': 'application/json', 'x-headgate-console': '1' };

/** Undefined if no one is signed in. Throws an Error with the answer's text for every other failure. */
export async function readSession(): Promise<Session | undefined> {
  const answer = await fetch(address, { headers });
  learnClock(answer);
  if (answer.status === 401) return undefined;
  return sessionOf(answer);
}

/** By an operator's token, or by the code of a link. Throws an Error that says what to do. */
export async function signIn(by: { token: string } | { code: string }): Promise<Session> {
  const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify(by) });
  const session = await sessionOf(answer);
  tellOtherTabs();
  return session;
}

/** Throws an Error if the service did not end the session. */
export async function signOut(): Promise<void> {
  const answer = await fetch(address, { method: 'DELETE', headers });
  if (!answer.ok && answer.status !== 401) throw new Error(await answer.text());
  tellOtherTabs();
}

const changeKey = 'session-changed';

/** All tabs share the cookie: what one of them shows of its operator would be wrong. */
function tellOtherTabs(): void {
  localStorage.setItem(changeKey, `${Date.now()} ${Math.random()}`);
}

/** Calls `change` when another tab has signed in or out. Returns what ends that. */
export function onOtherTab(change: () => void): () => void {
  const follow = ({ key }: StorageEvent): void => {
    if (key === changeKey) change();
  };
  addEventListener('storage', follow);
  return () => removeEventListener('storage', follow);
}

async function sessionOf(answer: Response): Promise<Session> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(messageOf(text) || `The service answered ${answer.status}.`);
  return JSON.parse(text) as Session;
}

/** Answers are text, or JSON with a message. */
function messageOf(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { message?: string; error?: unknown };
    return message ?? (typeof error === 'string' ? error : text.trim());
  } catch {
    return text.trim();
  }
}
