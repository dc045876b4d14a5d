import { partitionStream, type StoredStreamName } from '../src/jetstream/topology.ts';

/** The stream of NATS for a stream of the log: EVENTS has one partition here. */
export function natsStream<Name extends string>(stream: Name): Name | StoredStreamName {
  return stream === 'EVENTS' ? partitionStream(0) : stream;
}
