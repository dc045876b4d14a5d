import { toBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';

import type { ServerReflectionRequest as RequestV1 } from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import type { ServerReflectionRequest as RequestV1Alpha } from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';

/**
 * What one stream may ask: several times what tools do. An answer is one file, and what that needs
 * once, so 100 of them are less than 1 MiB.
 */
export const requestsOfStreamMax = 100;

export const asksTooOften = 'This address asks too often. Ask again later.';

export interface ReflectionLimits {
  /** Takes a place for a stream, and returns what gives it back. Throws a ConnectError. */
  readonly enter: (context: HandlerContext) => () => void;
  /** Returns whether the caller may ask once more, when it is its turn. */
  readonly mayAsk: (context: HandlerContext) => boolean | Promise<boolean>;
}

type ReflectionRequest = RequestV1 | RequestV1Alpha;

interface ReflectionIndex {
  readonly serviceNames: readonly string[];
  /**
   * A file, and everything that it needs and `sent` does not have yet (the protocol allows that). Adds
   * what it returns to `sent`.
   */
  readonly closureOf: (file: DescFile, sent: Set<string>) => Uint8Array[];
  readonly fileByName: ReadonlyMap<string, DescFile>;
  readonly fileBySymbol: ReadonlyMap<string, DescFile>;
}

/**
 * gRPC server reflection, versions v1 and v1alpha, which differ by name alone:
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function createReflection(
  files: readonly DescFile[],
  limits: ReflectionLimits,
): ReflectionHandler {
  const index = createIndex(files);
  return async function* serverReflectionInfo(requests, context) {
    const leave = limits.enter(context);
    const sent = new Set<string>();
    let left = requestsOfStreamMax;
    try {
      for await (const request of requests) {
        left -= 1;
        if (left < 0) exhausted(`A stream may ask ${requestsOfStreamMax} times. Open another.`);
        if (!(await limits.mayAsk(context))) exhausted(asksTooOften);
        const messageResponse = answer(index, request, sent);
        yield { validHost: request.host, originalRequest: request as never, messageResponse };
      }
    } finally {
      leave();
    }
  };
}

type ReflectionHandler = (
  requests: AsyncIterable<ReflectionRequest>,
  context: HandlerContext,
) => AsyncGenerator<ReflectionReply>;

function exhausted(text: string): never {
  throw new ConnectError(text, Code.ResourceExhausted);
}

interface ReflectionReply {
  validHost: string;
  originalRequest: never;
  messageResponse: Answer;
}

type Answer =
  | { case: 'fileDescriptorResponse'; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: 'listServicesResponse'; value: { service: { name: string }[] } }
  | { case: 'errorResponse'; value: { errorCode: number; errorMessage: string } };

function answer(index: ReflectionIndex, request: ReflectionRequest, sent: Set<string>): Answer {
  const { messageRequest: asked } = request;
  if (asked.case === 'listServices') {
    return {
      case: 'listServicesResponse',
      value: { service: index.serviceNames.map((name) => ({ name })) },
    };
  }
  let file: DescFile | undefined;
  if (asked.case === 'fileByFilename') file = index.fileByName.get(asked.value);
  else if (asked.case === 'fileContainingSymbol') file = index.fileBySymbol.get(asked.value);
  else {
    return {
      case: 'errorResponse',
      value: { errorCode: Code.Unimplemented, errorMessage: 'There are no extensions here.' },
    };
  }
  if (file === undefined) {
    return {
      case: 'errorResponse',
      value: { errorCode: Code.NotFound, errorMessage: 'There is nothing of this name here.' },
    };
  }
  return {
    case: 'fileDescriptorResponse',
    value: { fileDescriptorProto: index.closureOf(file, sent) },
  };
}

function createIndex(files: readonly DescFile[]): ReflectionIndex {
  const fileByName = new Map<string, DescFile>();
  const fileBySymbol = new Map<string, DescFile>();
  const serviceNames: string[] = [];
  const add = (file: DescFile): void => {
    const name = file.proto.name;
    if (fileByName.has(name)) return;
    fileByName.set(name, file);
    for (const service of file.services) {
      fileBySymbol.set(service.typeName, file);
      for (const method of service.methods) {
        fileBySymbol.set(`${service.typeName}.${method.name}`, file);
      }
    }
    for (const message of file.messages) addMessage(message, file);
    for (const enumeration of file.enums) fileBySymbol.set(enumeration.typeName, file);
    for (const dependency of file.dependencies) add(dependency);
  };
  const addMessage = (message: DescFile['messages'][number], file: DescFile): void => {
    fileBySymbol.set(message.typeName, file);
    for (const nested of message.nestedMessages) addMessage(nested, file);
    for (const enumeration of message.nestedEnums) fileBySymbol.set(enumeration.typeName, file);
  };
  for (const file of files) {
    add(file);
    serviceNames.push(...file.services.map((service) => service.typeName));
  }
  return { serviceNames, fileByName, fileBySymbol, closureOf: createClosures() };
}

function createClosures(): ReflectionIndex['closureOf'] {
  const encoded = new Map<string, Uint8Array>();
  const encode = ({ proto }: DescFile): Uint8Array => {
    const bytes = encoded.get(proto.name) ?? toBinary(FileDescriptorProtoSchema, proto);
    encoded.set(proto.name, bytes);
    return bytes;
  };
  return (file, sent) => {
    const found = new Map<string, DescFile>();
    const visit = (next: DescFile): void => {
      const { name } = next.proto;
      if (found.has(name) || (next !== file && sent.has(name))) return;
      found.set(name, next);
      for (const dependency of next.dependencies) visit(dependency);
    };
    visit(file);
    for (const name of found.keys()) sent.add(name);
    return Array.from(found.values(), encode);
  };
}
