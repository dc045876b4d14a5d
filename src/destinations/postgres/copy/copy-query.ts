import type { ClientBase, Connection, Submittable } from 'pg';

/**
 * Runs statements in one message of the simple protocol, in which each `COPY ... FROM STDIN` reads its next data. The data
 * follow at once: a server that does not come to read them, because a statement failed, drops them (PostgreSQL's manual,
 * "Message Flow", `COPY` operations). So it takes one round trip.
 *
 * @param data for each `COPY` its messages `CopyData` and `CopyDone`.
 */
export function runWithData(
  client: ClientBase,
  statements: readonly string[],
  data: readonly Buffer[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(
      new CopyQuery(statements.join(';\n'), data, (error) => {
        if (error instanceof Error) reject(error);
        else resolve();
      }),
    );
  });
}

/** As pg asks of a query of another kind: it calls these for each answer of the server. */
class CopyQuery implements Submittable {
  private readonly text: string;
  private readonly data: readonly Buffer[];
  /** pg puts its own in the place of this, for `query_timeout`. */
  callback: (error?: unknown) => void;

  constructor(text: string, data: readonly Buffer[], callback: (error?: unknown) => void) {
    this.text = text;
    this.data = data;
    this.callback = callback;
  }

  submit(connection: Connection): void {
    const { stream } = connection;
    stream.cork();
    connection.query(this.text);
    for (const each of this.data) stream.write(each);
    stream.uncork();
  }

  handleError(error: unknown): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback();
  }

  handleCopyInResponse(): void {
    // The data are on their way.
  }

  handleCommandComplete(): void {
    // The last answer says enough.
  }

  handleRowDescription(): void {
    // None of the statements has rows.
  }

  handleDataRow(): void {
    // As above.
  }
}
