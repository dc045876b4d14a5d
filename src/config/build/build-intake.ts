import type { RawNatsIntake } from '../gather/gather-intake.ts';
import { natsIntakeSettings, natsServerSettings } from '../gather/intake-settings.ts';
import type { NatsIntake } from '../intake/nats-intake.ts';
import { isSecret } from '../secret.ts';
import type { ValuesOf } from '../setting.ts';
import { buildSourceLimits, type StatedLimits } from './build-source-limits.ts';
import { readTable } from './table-values.ts';

type Values = ValuesOf<typeof natsIntakeSettings>;

/** As NATS has it for streams and consumers: a token of a subject, and a name of a file. */
const natsName = /^[^\s.*>/\\]{1,255}$/;

/** Reads the sources of `intake.nats`. Adds problems to `faults`, and limits to `stated`. */
export function buildIntake(
  raws: readonly RawNatsIntake[],
  faults: string[],
  stated: StatedLimits[],
): NatsIntake[] {
  const taken = new Map<string, string>();
  return raws.map((raw) => {
    const table = readTable(
      natsIntakeSettings,
      raw.values,
      (path) => `${raw.from}.${path}`,
      faults,
    );
    const values = Object.fromEntries(table.values) as unknown as Values;
    const { stream, consumer, format, url } = values;
    for (const name of ['stream', 'consumer'] as const) {
      if (table.faulty.has(name) || natsName.test(values[name])) continue;
      faults.push(`${table.from(name)}: is not a name: no spaces, dots, wildcards or slashes`);
    }
    const server: Record<string, string> = url === undefined ? {} : { url };
    for (const name of Object.keys(natsServerSettings) as (keyof typeof natsServerSettings)[]) {
      const value = values[name];
      if (value === undefined) continue;
      if (url === undefined && !table.faulty.has('url')) {
        faults.push(
          `${table.from(name)}: is for another NATS than that of the log: write its url, or remove this`,
        );
      }
      server[name] = isSecret(value) ? value.reveal() : value;
    }
    // Each message would go to one of the two sources, by chance.
    const place = JSON.stringify([url, stream, consumer]);
    const other = taken.get(place);
    if (other === undefined) taken.set(place, raw.from);
    else {
      faults.push(
        `${raw.from}: has the stream and the consumer of ${other}: each would get a part of the ` +
          'messages: give each a consumer of its own',
      );
    }
    const limits = buildSourceLimits(table, faults);
    if (limits !== undefined) stated.push({ source: raw.source, limits, from: raw.from });
    return {
      source: raw.source,
      stream,
      consumer,
      format,
      server: url === undefined ? undefined : server,
    };
  });
}
