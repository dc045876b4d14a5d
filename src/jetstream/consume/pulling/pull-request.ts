import type { Subscription } from '@nats-io/nats-core';

/** One request of a pull, used again and again on the same subject. */
export class Request {
  readonly inbox: string;
  subscription: Subscription | undefined = undefined;
  stopReading: () => void = () => {};
  /** `waiting`: for bytes of the connection; `open`: sent, and not ended. */
  state: 'none' | 'waiting' | 'open' = 'none';
  messages = 0;
  bytes = 0;
  messagesLeft = 0;
  bytesLeft = 0;
  received = 0;
  largestBytes = 0;
  /** Whether something arrived since the last look, and how many looks found nothing. */
  isHeard = false;
  missed = 0;
  cancel: () => void = () => {};
  giveBack: () => void = () => {};

  constructor(inbox: string) {
    this.inbox = inbox;
  }

  wait(size: { readonly messages: number; readonly bytes: number }): void {
    this.state = 'waiting';
    this.messages = size.messages;
    this.messagesLeft = size.messages;
    this.bytes = size.bytes;
    this.bytesLeft = size.bytes;
    this.received = 0;
    this.largestBytes = 0;
  }

  open(): void {
    this.state = 'open';
    this.isHeard = true;
    this.missed = 0;
  }

  count(bytes: number): void {
    // Messages of a request that was given up may still arrive.
    if (this.state !== 'open') return;
    this.received += 1;
    this.messagesLeft -= 1;
    this.bytesLeft = Math.max(0, this.bytesLeft - bytes);
    if (bytes > this.largestBytes) this.largestBytes = bytes;
  }

  /** The server sends no status for a request that ended like this. */
  get isUsedUp(): boolean {
    return this.messagesLeft <= 0 || this.bytesLeft === 0;
  }

  get isHalfUsed(): boolean {
    return this.messagesLeft * 2 <= this.messages || this.bytesLeft * 2 <= this.bytes;
  }

  end(): void {
    this.state = 'none';
    this.messagesLeft = 0;
    this.bytesLeft = 0;
    this.cancel();
    this.giveBack();
    this.cancel = () => {};
    this.giveBack = () => {};
  }
}
