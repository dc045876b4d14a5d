import { readdirSync } from 'node:fs';
import path from 'node:path';

import type { DescService } from '@bufbuild/protobuf';

/** On the public port, for producers and relays. */
const publicServices = new Set(['headgate.v1.TrackService', 'headgate.v1.RelayService']);

/** The services of the operators' port, from the generated files, so that new ones are included. */
export async function operatorsServices(): Promise<DescService[]> {
  const folder = path.resolve('gen/headgate/v1');
  const services: DescService[] = [];
  for (const name of readdirSync(folder).filter((each) => each.endsWith('_service_pb.ts'))) {
    const values = Object.values((await import(path.join(folder, name))) as object) as {
      readonly kind?: string;
    }[];
    services.push(...(values.filter(({ kind }) => kind === 'service') as DescService[]));
  }
  return services.filter(({ typeName }) => !publicServices.has(typeName));
}
