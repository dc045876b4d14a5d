import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { Generated } from './generated.ts';

const needed = [
  'google/rpc/error_details_pb.ts',
  'headgate/v1/event_pb.ts',
  'headgate/v1/event_result_pb.ts',
  'headgate/v1/track_service_pb.ts',
];

/** client/src/gen: what the client needs of gen/. Copies, because a package holds nothing from outside it. */
export function generateClientContract(root: string): Generated {
  const files = needed.map(
    (name) =>
      [`client/src/gen/${name}`, readFileSync(path.join(root, 'gen', name), 'utf8')] as const,
  );
  return { files: new Map(files), folder: 'client/src/gen' };
}
