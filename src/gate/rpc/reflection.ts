import { toBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';

import type { ServerReflectionRequest as RequestV1 } from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import type { ServerReflectionRequest as RequestV1Alpha } from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';

type ReflectionRequest = RequestV1 | RequestV1Alpha;

interface ReflectionIndex {
  readonly serviceNames: readonly string[];
  /** A file with everything that it needs, itself first. */
  readonly closureOf: (file: DescFile) => Uint8Array[];
  readonly fileByName: ReadonlyMap<string, DescFile>;
  readonly fileBySymbol: ReadonlyMap<string, DescFile>;
}

/**
 * gRPC server reflection, versions v1 and v1alpha, which differ by name alone:
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function createReflection(
  files: readonly DescFile[],
): (requests: AsyncIterable<ReflectionRequest>) => AsyncGenerator<ReflectionReply> {
  const index = createIndex(files);
  return async function* serverReflectionInfo(requests) {
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: request as never,
        messageResponse: answer(index, request),
      };
    }
  };
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

function answer(index: ReflectionIndex, request: ReflectionRequest): Answer {
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
    value: { fileDescriptorProto: index.closureOf(file) },
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
  return { serviceNames, fileByName, fileBySymbol, closureOf };
}

function closureOf(file: DescFile): Uint8Array[] {
  const seen = new Map<string, DescFile>();
  const visit = (next: DescFile): void => {
    if (seen.has(next.proto.name)) return;
    seen.set(next.proto.name, next);
    for (const dependency of next.dependencies) visit(dependency);
  };
  visit(file);
  return [...seen.values()].map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
}
