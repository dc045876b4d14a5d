/** What a shell and SQL take as it is, within quotes. `_` stands for itself and for any other character. */
const plainText = /^[\w.@:+-]{1,100}$/;

/**
 * A command that looks for a property in a warehouse, for people to copy: by the text of the properties, because a number
 * there is no text. `property` as `headgate trace` takes it.
 */
export function warehouseQuery(property: string): string {
  const at = property.indexOf('=');
  const parts = at > 0 ? [property.slice(0, at), property.slice(at + 1)] : [property];
  const pattern = parts.every((part) => plainText.test(part)) ? parts.join('%') : 'VALUE';
  return `headgate query "select * from events where properties like '%${pattern}%'"`;
}
