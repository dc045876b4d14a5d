/**
 * A table that cannot take events as it is. The message says what a person must do; until then its events
 * wait.
 */
export class TableFault extends Error {
  override readonly name = 'TableFault';
}

/** @param where the table in its database: `table "order_completed"`. */
export function wrongColumns(
  where: string,
  wrong: readonly { readonly name: string; readonly is: string; readonly wants: string }[],
): TableFault {
  const [first] = wrong;
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : '';
  return new TableFault(
    `${where}: its column ${first?.name} is ${first?.is}, and its contract makes it ` +
      `${first?.wants}${more}. Rename the column, and it is made again; the rows stay as they are`,
  );
}

/** @param where as for `wrongColumns`. */
export function notOurs(where: string): TableFault {
  return new TableFault(
    `${where} belongs to another program, or has lost its columns. Rename it, and it is made again, or ` +
      `set table_prefix of this destination`,
  );
}

/** @param column somebody's own: Headgate has no value for it. */
export function needsValue(where: string, column: string): TableFault {
  return new TableFault(
    `${where}: its column ${column} must have a value, and Headgate has none for it. Give it a default, or ` +
      `let it be NULL`,
  );
}

/** @param right the one that is missing, in the words of SQL. */
export function noRight(where: string, right: string): TableFault {
  return new TableFault(
    `${where}: this user may not ${right} there. Grant it ${right}, or give it the table`,
  );
}

/** @param add the statement that makes the key again. */
export function noKey(where: string, add: string): TableFault {
  return new TableFault(
    `${where} has no unique key on event_id any more, so an event could be in it twice. Run: ${add}`,
  );
}

/**
 * Something of another kind has the name of a table or a view.
 *
 * @param name quoted.
 * @param is what it is: `view`, `materialized view`.
 */
export function otherKind(name: string, is: string, wants: 'table' | 'view'): TableFault {
  const article = /^[aeiou]/.test(is) ? 'an' : 'a';
  return new TableFault(
    `${name} is ${article} ${is}, and Headgate keeps a ${wants} of this name. Rename it, and the ` +
      `${wants} is made again`,
  );
}
