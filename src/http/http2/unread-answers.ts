/** The bytes of all answers of a server that wait for their peers. */
export class ServerUnread {
  bytes = 0;
}

/** The same for one connection. An answer counts in full, even if it shares its bytes with others. */
export class UnreadAnswers {
  bytes = 0;
  private readonly server: ServerUnread;

  constructor(server: ServerUnread) {
    this.server = server;
  }

  /** `bytes` is negative for those that were sent or given up. */
  add(bytes: number): void {
    this.bytes += bytes;
    this.server.bytes += bytes;
  }
}
