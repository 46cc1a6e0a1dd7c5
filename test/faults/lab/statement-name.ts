/** Words that begin a statement's name, and what follows them there. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/^begin isolation level ([a-z ,]+)/, 'begin $1'],
  [/^copy \(.*\) to stdout/, 'copy readings out'],
  [/^copy ([\w.]+) .*from stdin/, 'copy into $1'],
  [/^insert into ([\w.]+).*; commit$/, 'insert into $1 and commit'],
  [/^with .*insert into (meter_sync\.\w+)/, 'insert into $1'],
  [/^(insert into|delete from|update) ([\w.]+)/, '$1 $2'],
  [/^create temporary table (\w+)/, 'create $1'],
  [/^do '/, 'insert by halves'],
  [/^set (local \w+|constraints)/, 'set $1'],
  [/^(commit|rollback|savepoint|release|rollback to)\b/, '$1'],
];

/** Functions and tables that tell selects apart, the first one found names it. */
const MARKS = [
  /pg_try_advisory_xact_lock/,
  /set_config/,
  /boundary_order/,
  /hash_record_extended/,
  /record_image_eq/,
  /row_number\(\)/,
  /meter_sync\.\w+/,
  /pg_temp\.\w+/,
  /pg_\w+/,
  /meter_\w+/,
];

/**
 * A statement in a few words, the same for each batch: the protocol's boundaries are counted by these names. Two statements
 * that differ in shape alone may share one; then chance chooses between them.
 */
export function nameStatement(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim().toLowerCase();
  for (const [shape, name] of SHAPES) {
    const found = shape.exec(line);
    if (found) return name.replace(/\$(\d)/g, (_, at: string) => found[Number(at)] ?? '').trim();
  }
  const verb = /^\w+/.exec(line)?.[0] ?? 'statement';
  const mark = MARKS.map((pattern) => pattern.exec(line)?.[0]).find((found) => found !== undefined);
  const counts = /^select (count|exists)/.exec(line)?.[1];
  return [verb, counts, mark ?? line.slice(0, 30)].filter(Boolean).join(' ');
}
