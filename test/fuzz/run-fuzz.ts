import { adminToken } from '../admin-token.ts';
import type { Chance } from '../endpoints/chance.ts';
import { compress, mutateBytes, mutateJson, oddHeader } from './mutations.ts';
import { createPeer, type FuzzAnswer, type FuzzRequest } from './peer.ts';
import { mutateTop, swapWireType } from './top-level.ts';
import type { Target } from './target.ts';
import { shopKey } from './targets.ts';

/** Changes the sample of a target: its body, its frame, its compression, its headers, its path. */
export function makeRequest(chance: Chance, target: Target, ports: Ports): FuzzRequest {
  const frame = target.frame ?? ((message: Buffer): Buffer => message);
  let message = target.sample(chance);
  // Some stay as they are, so that only their headers or paths are strange.
  const kind = chance.below(8);
  const isProto = !target.isJson && /proto|grpc/.test(target.contentType);
  if (target.isJson && kind > 0 && kind < 4) message = mutateJson(chance, message);
  else if (target.isJson && kind > 3 && kind < 6) {
    message = mutateTop(chance, message, target.members ?? []);
  } else if (isProto && kind > 0 && kind < 3) message = swapWireType(chance, message);
  else if (kind > 0) message = mutateBytes(chance, message);
  let body = frame(message);
  if (target.frame !== undefined && chance.below(3) === 0) body = mutateBytes(chance, body);
  const headers: Record<string, string> = { 'content-type': target.contentType };
  if (chance.below(10) === 0) {
    const compressed = compress(chance, body);
    ({ body } = compressed);
    headers['content-encoding'] = compressed.name;
  }
  Object.assign(headers, target.headers?.(body));
  addCredentials(chance, target, headers);
  if (chance.below(3) === 0) {
    const [name, value] = oddHeader(chance);
    headers[name] = value;
  }
  const { port, version, isStream = false } = target;
  const path = chance.below(12) === 0 ? oddPath(chance, target.path) : target.path;
  const method = chance.below(20) === 0 ? chance.pick(oddMethods) : target.method;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const inQuery = target.method === 'GET' && path.endsWith('=');
  return {
    port: ports[port],
    version,
    method,
    path: inQuery ? `${path}${encodeURIComponent(body.toString('latin1')).slice(0, 4_000)}` : path,
    headers,
    body: hasBody ? body : Buffer.alloc(0),
    isStream,
  };
}

const oddMethods = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'POST'];

function addCredentials(chance: Chance, target: Target, headers: Record<string, string>): void {
  if (target.port === 'admin') {
    const kind = chance.below(10);
    if (kind < 8) headers['authorization'] = `Bearer ${adminToken}`;
    else if (kind === 8) headers['authorization'] = 'Bearer another-token-than-that';
  } else if (chance.below(12) > 0) headers['x-write-key'] = shopKey;
}

function oddPath(chance: Chance, path: string): string {
  return chance.pick([
    `${path}/`,
    `/${path}`,
    path.toUpperCase(),
    `${path}?`,
    `${path}?encoding=proto&message=AAA&base64=1&connect=v1`,
    `${path}?encoding=json&message=%7B%7D&connect=v1`,
    `${path}%00`,
    `${path}/../metrics`,
    path.slice(0, 1 + chance.below(path.length)),
    `${path}?${'a=b&'.repeat(200)}`,
    `http://other.example${path}`,
  ]);
}

export interface Ports {
  readonly public: number;
  readonly admin: number;
}

/** A bug of the gate, in the form of each protocol. Invalid frames have no other code in gRPC. */
function isInternal(answer: FuzzAnswer): boolean {
  if (typeof answer === 'string') return false;
  if (answer.status === 500) return true;
  const body = answer.body.toString('latin1');
  if (/"code":\s*"internal"/.test(body)) return !isInvalidFrame(body);
  const inBody = /grpc-status: ?(\d+)/.exec(body)?.[1];
  const status = answer.trailers['grpc-status'] ?? answer.headers['grpc-status'] ?? inBody;
  const said = answer.trailers['grpc-message'] ?? answer.headers['grpc-message'] ?? body;
  return status === '13' && !isInvalidFrame(said);
}

/** Our words, and those of the library. */
const isInvalidFrame = (text: string): boolean =>
  /protocol error(?::|%3A) |know how to decompress/.test(text.replaceAll('%20', ' '));

const kindOf = (answer: FuzzAnswer): string =>
  typeof answer === 'string'
    ? answer
    : answer.status < 500
      ? `${Math.floor(answer.status / 100)}xx`
      : String(answer.status);

const show = ({ headers, body, ...request }: FuzzRequest, answer: FuzzAnswer): string =>
  JSON.stringify({
    ...request,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.slice(0, 200)]),
    ),
    body: body.subarray(0, 1_500).toString('latin1'),
    answer:
      typeof answer === 'string' ? answer : { ...answer, body: answer.body.toString('latin1') },
  });

export interface FuzzOptions {
  readonly chance: Chance;
  readonly targets: readonly Target[];
  readonly ports: Ports;
  readonly inputsMax: number;
  /** True once the gate has ended by itself. */
  readonly hasCrashed: () => boolean;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly hangs: number;
  readonly internals: number;
  /** How often each kind of answer came. */
  readonly kinds: ReadonlyMap<string, number>;
  /** The first requests without an answer, or with `internal`. */
  readonly found: readonly string[];
}

const concurrency = 16;
const hangsMax = 5;
const foundMax = 20;

/** Sends changed requests to each target in turn. The same seed makes the same requests. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { chance, targets, ports, inputsMax, hasCrashed } = options;
  const peer = createPeer();
  const kinds = new Map<string, number>();
  const found: string[] = [];
  const counts = { inputs: 0, hangs: 0, internals: 0 };
  const work = async (): Promise<void> => {
    while (counts.inputs < inputsMax && !hasCrashed() && counts.hangs < hangsMax) {
      const target = targets[counts.inputs % targets.length]!;
      counts.inputs += 1;
      const request = makeRequest(chance, target, ports);
      const answer = await peer.send(request);
      const kind = kindOf(answer);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const isBug = isInternal(answer);
      if (isBug) counts.internals += 1;
      if (answer === 'hangs') counts.hangs += 1;
      if ((isBug || answer === 'hangs') && found.length < foundMax) {
        found.push(`${target.name}: ${show(request, answer)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  peer.close();
  return { ...counts, kinds, found };
}
