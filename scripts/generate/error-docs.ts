import {
  errorCodes,
  errorEntry,
  grpcCode,
  type ErrorCode,
  type ErrorEntry,
} from '../../src/errors.ts';
import type { Generated } from './generated.ts';

/** docs/errors.md, from the table of errors. */
export function generateErrorDocs(): Generated {
  return { files: new Map([['docs/errors.md', renderErrorDocs()]]) };
}

/** The whole page. */
export function renderErrorDocs(): string {
  const ofScope = (scope: ErrorEntry['scope']): ErrorCode[] =>
    errorCodes.filter((code) => errorEntry(code).scope === scope);
  return `${[
    head,
    overview(),
    '## Verdicts on one event',
    eventIntroduction,
    ...ofScope('event').map(section),
    '## Errors of a request',
    requestIntroduction,
    ...ofScope('request').map(section),
  ].join('\n\n')}\n`;
}

const head = `<!-- Made by npm run generate from src/errors.ts: edit that. -->

# Errors

Every error has a code, the same at every door and in the metrics; it is stable and never reused. The
message beside it is for people and may change. "Try again" means that the same request, unchanged, may
succeed later, with the same idempotency keys: then nothing is stored twice.

Where the code stands:

| door | place |
| --- | --- |
| REST, a single event or a whole request | \`code\` of the problem document, and the end of its \`type\`: \`urn:headgate:error:<code>\` |
| a batch, at every door | \`error.code\` of the event's result |
| gRPC, gRPC-Web, Connect | \`reason\` of the \`google.rpc.ErrorInfo\` detail (domain \`headgate\`) |
| metrics | label \`code\` of \`headgate_validation_failures_total\`, for rejected events |

Connect answers with the HTTP status that its protocol gives to the gRPC code, so that a rejected event
is 400 there. The HTTP statuses below are those of REST.`;

const eventIntroduction = `In a batch these are the verdict on one event, \`rejected\` or \`retry\`, and leave the others alone. The
status codes are those of a request with a single event.`;

const requestIntroduction = `The whole request was answered with one of these, and its events have no verdicts. After
[\`deadline_exceeded\`](#deadline_exceeded) and [\`internal\`](#internal) some of them may be stored
all the same; after the others none is.`;

function overview(): string {
  const rows = errorCodes.map((code) => {
    const { http, grpc, retryable } = errorEntry(code);
    return `| [\`${code}\`](#${code}) | ${http} | ${grpcName(grpc)} | ${retryable ? 'yes' : 'no'} |`;
  });
  return ['| code | HTTP | gRPC | try again |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** The heading is the code alone, so that its anchor is the code. */
function section(code: ErrorCode): string {
  const { http, grpc, retryable, text } = errorEntry(code);
  const advice = retryable ? 'Try again.' : 'Trying again cannot help.';
  return `### ${code}\n\n${text}\n\nHTTP ${http}, gRPC ${grpcName(grpc)} (${grpc}). ${advice}`;
}

/** `NOT_FOUND` is not in the table of numbers: one code of the admin port has it. */
const names = new Map<number, string>([
  ...Object.entries(grpcCode).map(
    ([name, number]) => [number, name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()] as const,
  ),
  [5, 'NOT_FOUND'],
]);

function grpcName(number: number): string {
  const name = names.get(number);
  if (name === undefined) throw new Error(`the gRPC code ${number} has no name here`);
  return name;
}
