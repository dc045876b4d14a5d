import { ServiceError } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { unpackBody } from '../intake/read-body.ts';

/** The decompressed body, for an endpoint whose limit is below that of the gate. */
export function unpackWithin(
  exchange: Exchange,
  body: Buffer,
  gateBytesMax: number,
  endpointBytesMax: number,
): Buffer | Promise<Buffer> {
  const within = (message: Buffer): Buffer => {
    if (message.length <= endpointBytesMax) return message;
    throw new ServiceError(
      'request_too_large',
      `The body is ${message.length} bytes; the limit of this endpoint is ${endpointBytesMax}, counted ` +
        'after decompression. Split it into smaller requests.',
    );
  };
  const message = unpackBody(exchange, body, gateBytesMax);
  return message instanceof Promise ? message.then(within) : within(message);
}
