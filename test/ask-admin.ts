import { asAdmin } from './admin-token.ts';

/** Calls an RPC of the admin port with JSON: `KeyService/CreateKey`. Throws if the answer is an error. */
export async function askAdmin<Answer>(
  adminUrl: string,
  rpc: string,
  request: object = {},
): Promise<Answer> {
  const response = await fetch(`${adminUrl}/headgate.v1.${rpc}`, {
    method: 'POST',
    headers: { ...asAdmin.headers, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  if (!response.ok) throw new Error(`${rpc}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}
