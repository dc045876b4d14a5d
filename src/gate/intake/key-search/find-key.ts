import type { ServiceError } from '../../../errors.ts';
import type { Exchange } from '../../exchange.ts';
import type { Authenticate, Producer } from '../authenticate.ts';
import type { Callers } from '../callers.ts';
import { FormDataReader } from './form-data.ts';
import { encodingOf } from '../inflation.ts';
import { KeyScanner, type KeyPlace } from './key-scanner.ts';
import { PackedSearch, scanMsPerByte, type KeyFound } from './packed-search.ts';
import type { RequestMemory } from '../request-memory.ts';

/** Where the body holds the write key of a request without a key in its headers. */
export interface KeyInBody {
  readonly places: readonly KeyPlace[];
  /** True if the JSON is the parameter `data` of a form. */
  readonly isForm?: (exchange: Exchange) => boolean;
  /** The text to search instead of the body. Undefined or absent for the body. */
  readonly textBesides?: (exchange: Exchange) => Buffer | undefined;
}

export interface KeySearchOptions {
  readonly callers: Callers;
  readonly authenticate: Authenticate;
  readonly exchange: Exchange;
  readonly keyInBody: KeyInBody;
  readonly bytesMax: number;
  readonly tooLarge: (bytes: number) => ServiceError;
  readonly memory: () => RequestMemory;
}

/**
 * Searches the body of one request for a key, as it arrives or, if it is compressed, as it
 * inflates. The body is not decoded. The endpoint authenticates it again when it decodes it: this
 * search only decides which budget pays.
 */
export class KeySearch {
  private readonly options: KeySearchOptions;
  private readonly encoding: string | undefined;
  private readonly scanner: KeyScanner;
  private readonly form: FormDataReader | undefined;
  private readonly hasOwnText: boolean;
  private producer: Producer | undefined = undefined;
  private candidate = '';
  private scannedBytes = 0;

  /** Throws a ServiceError `unsupported_encoding`. */
  constructor(options: KeySearchOptions) {
    const { exchange, keyInBody } = options;
    this.options = options;
    this.encoding = encodingOf(exchange.call.headers['content-encoding'] ?? '');
    this.scanner = new KeyScanner(keyInBody.places, (candidate) => this.isKey(candidate));
    const isForm = keyInBody.isForm?.(exchange) === true;
    this.form = isForm ? new FormDataReader((bytes) => this.scanner.push(bytes)) : undefined;
    const text = keyInBody.textBesides?.(exchange);
    this.hasOwnText = text !== undefined;
    if (text !== undefined) this.scan(text);
  }

  /** Takes a part of the body as it arrives. Returns whether the key has been found. */
  take(bytes: Buffer): boolean {
    if (this.producer !== undefined) return true;
    if (this.hasOwnText || this.encoding !== undefined) return false;
    this.scan(bytes);
    if (this.producer === undefined) return false;
    this.options.memory().becomeKeyed(this.producer);
    return true;
  }

  /** The body is complete, and `take` has received all of it. */
  finish(body: Buffer, { onFound, onError }: KeyFound): void {
    const { producer, encoding, options } = this;
    if (producer !== undefined) onFound(producer, undefined);
    else if (this.hasOwnText || encoding === undefined || body.length === 0) {
      onError(this.notFound());
    } else {
      const scan = (bytes: Buffer): Producer | undefined => {
        this.scan(bytes);
        return this.producer;
      };
      const notFound = (): Error => this.notFound();
      const memory = options.memory();
      const then = { scan, notFound, onFound, onError };
      new PackedSearch({ ...options, memory, ...then }).begin(body, encoding);
    }
  }

  /** The cost of the search in ms, if nothing had to be inflated. */
  get costMs(): number {
    return this.encoding === undefined ? this.scannedBytes * scanMsPerByte : 0;
  }

  private scan(bytes: Buffer): void {
    this.scannedBytes += bytes.length;
    if (this.form === undefined) this.scanner.push(bytes);
    else this.form.push(bytes);
  }

  private isKey(candidate: string): boolean {
    this.candidate = candidate;
    try {
      this.producer = this.options.authenticate({ 'x-write-key': candidate });
    } catch {
      // `notFound` authenticates once more, to get the reason.
    }
    return this.producer !== undefined;
  }

  private notFound(): Error {
    try {
      this.options.authenticate({ 'x-write-key': this.candidate });
    } catch (error) {
      return error as Error;
    }
    throw new TypeError('The key was found.');
  }
}
