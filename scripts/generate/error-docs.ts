import {
  errorCodes,
  errorEntry,
  grpcCode,
  type ErrorCode,
  type ErrorEntry,
} from '../../src/errors.ts';
import type { Generated } from './generated.ts';

/** docs/reference/errors.md, from the table of errors. */
export function generateErrorDocs(): Generated {
  return { files: new Map([['docs/reference/errors.md', renderErrorDocs()]]) };
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

You have a code: find it in the table, and its section says what to do. "Retry" means that the same request, unchanged,
may succeed later. Send it with the same idempotency keys; then nothing is stored twice. How to handle verdicts in your
code: [verdicts and retries](../send/verdicts-and-retries.md).

A code is stable, never reused, and the same at every endpoint and in the metrics. The message beside it is for people and
may change.

| endpoint | where the code is |
| --- | --- |
| REST, a single event or a whole request | \`code\` of the problem document, and the end of its \`type\`: \`urn:headgate:error:<code>\` |
| a batch, at every endpoint | \`error.code\` of the event's result |
| gRPC, gRPC-Web, Connect | \`reason\` of the \`google.rpc.ErrorInfo\` detail (domain \`headgate\`) |
| metrics | label \`code\` of \`headgate_validation_failures_total\`, for rejected events |

The HTTP statuses below are those of REST. Connect uses the HTTP status that its protocol assigns to the gRPC code, so a
rejected event is 400 there.`;

const eventIntroduction = `The verdict on one event, \`rejected\` or \`retry\`. In a batch it does not affect the other events. The status codes
are those of a request with a single event.`;

const requestIntroduction = `The whole request was answered with one of these, and its events have no verdicts. After
[\`deadline_exceeded\`](#deadline_exceeded) and [\`internal\`](#internal), some of them may be stored nevertheless. After
every other code, none of them is stored.`;

function overview(): string {
  const rows = errorCodes.map((code) => {
    const { http, grpc, retryable } = errorEntry(code);
    return `| [\`${code}\`](#${code}) | ${http} | ${grpcName(grpc)} | ${retryable ? 'yes' : 'no'} |`;
  });
  return ['| code | HTTP | gRPC | retry |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** The heading is only the code, so that its anchor is the code. */
function section(code: ErrorCode): string {
  const { http, grpc, retryable, text } = errorEntry(code);
  const advice = retryable ? 'Retry.' : 'A retry cannot help.';
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
