/**
 * Whether a statement begins as one that reads. VACUUM INTO and ATTACH would write other files, which
 * a read-only connection does not prevent. For Node 22, whose node:sqlite cannot ask what a statement
 * does.
 */
export function isReadingStatement(sql: string): boolean {
  return /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:select|with|values|explain|pragma)\b/i.test(sql);
}
