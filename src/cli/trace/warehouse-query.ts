import { shellWord } from '../terminal/shell-word.ts';

/** A name, or a path of names, that needs no quotes in a path of SQLite. */
const plainPath = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;
/** SQLite reads these as numbers, which equal no text. */
const bareValue = /^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false)$/;
/** Texts that a shell leaves alone between double quotes. */
const plainText = /^[\w .:@/+=-]*$/;

/**
 * The command that asks the SQLite warehouse for the events with a property, written as for `trace --property`:
 * `A-1003`, or `order_id=A-1003`.
 */
export function warehouseQuery(searched: string): string {
  const at = searched.indexOf('=');
  const name = searched.slice(0, Math.max(0, at));
  const named = searched.slice(at + 1);
  // The end of a text of base64 is no value.
  const hasName = plainPath.test(name) && !/^=*$/.test(named);
  const condition =
    hasName && !bareValue.test(named)
      ? `properties->>'$.${name}' = ${sqlText(named)}`
      : `instr(properties, ${sqlText(hasName ? named : searched)})`;
  const sql = `select * from events where ${condition}`;
  return `headgate query ${plainText.test(searched) ? `"${sql}"` : shellWord(sql)}`;
}

const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
