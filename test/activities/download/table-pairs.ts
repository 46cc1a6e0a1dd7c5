import fc from 'fast-check';
import { DEFAULT_LIMITS, type DownloadLimits } from '../../../activities/download/compare/fetch-different.js';

/** A column of both tables, with values that the remote type holds, as it prints or reads them. */
export interface PairColumn {
  readonly name: string;
  readonly local: string;
  readonly remote: string;
  readonly values: readonly (string | null)[];
}

/** A row by its texts: the key's parts, then the columns. */
export type PairRow = readonly (string | null)[];

/** Two tables that differ as those of two owners do, and what happens to them. */
export interface TablePair {
  readonly key: readonly PairColumn[];
  readonly columns: readonly PairColumn[];
  readonly hasActive: boolean;
  /** Often so small that these tables go the ways of large ones. */
  readonly limits: DownloadLimits;
  /** What the remote has at first, and what it has later. */
  readonly before: readonly PairRow[];
  readonly after: readonly PairRow[];
  /** What the site has at first: some of it under keys of the remote. */
  readonly own: readonly PairRow[];
  /** What the site does in between: to the row of that number it gives another one's values, or deletes it. */
  readonly edits: readonly { readonly row: number; readonly values: PairRow | null }[];
}

const TEXTS = ['', ' ', 'a ', 'a', 'A', '\\N', 'a\tb', 'a\nb', '"', `it's`, 'Ø æ', '007', 'null', '{}', null];
const NUMBERS = ['0', '1', '-1', '2147483647', null];
/** By their own hash 4294967296 would be 1, and 4294967294 -2. */
const LARGE_NUMBERS = ['1', '4294967296', '-2', '4294967294', '9007199254740993', null];
const DECIMALS = ['0', '1', '1.5', '1.50', '0.25', '-0.25', '99999.99', null];
const INSTANTS = ['2026-03-29 02:30:00.123456', '2026-01-01 00:00:00', '1999-12-31 23:59:59.999999', 'infinity', null];
const JSONS = [
  String.raw`{"a": "Str\u00e6tet A1E5"}`,
  '{"a": 1}',
  '{"b": 2, "a": [1, null, "x"]}',
  '[]',
  'null',
  '"a\\nb"',
  '1.10',
  null,
];
const UUIDS = ['6f0e5a52-6a2b-4a87-9c53-0d5a4b5e7a11', '00000000-0000-0000-0000-000000000001', null];

const COLUMN_KINDS: readonly Omit<PairColumn, 'name'>[] = [
  { local: 'text', remote: 'text', values: TEXTS },
  { local: 'text', remote: 'varchar(40)', values: TEXTS },
  { local: 'varchar(40)', remote: 'text', values: TEXTS },
  { local: 'char(8)', remote: 'text', values: ['a', 'ab ', '', null] },
  { local: 'text', remote: 'char(8)', values: ['a', 'ab ', '', null] },
  { local: 'json', remote: 'jsonb', values: JSONS },
  { local: 'jsonb', remote: 'json', values: [...JSONS, '{"a":1,  "a":2}', '1e3'] },
  { local: 'json', remote: 'json', values: [...JSONS, '{ "a":1}'] },
  { local: 'integer', remote: 'bigint', values: NUMBERS },
  { local: 'bigint', remote: 'bigint', values: LARGE_NUMBERS },
  { local: 'bigint', remote: 'smallint', values: ['0', '7', '-32768', null] },
  { local: 'bigint', remote: 'numeric', values: LARGE_NUMBERS },
  { local: 'numeric', remote: 'numeric(10,2)', values: DECIMALS },
  { local: 'numeric(10,2)', remote: 'numeric', values: [...DECIMALS, '1.005', '1.0050'] },
  { local: 'numeric', remote: 'numeric', values: [...DECIMALS, 'NaN', '1e-20'] },
  {
    local: 'double precision',
    remote: 'double precision',
    values: ['0', '-0', '0.1', '1e300', 'NaN', '-Infinity', null],
  },
  { local: 'real', remote: 'double precision', values: ['0.1', '0.123456789012', null] },
  { local: 'timestamptz', remote: 'timestamptz', values: INSTANTS },
  { local: 'timestamp', remote: 'timestamptz', values: INSTANTS },
  { local: 'timestamptz', remote: 'timestamp', values: INSTANTS },
  { local: 'timestamptz(0)', remote: 'timestamptz', values: INSTANTS },
  { local: 'date', remote: 'date', values: ['2026-02-01', '2026-01-02', '-infinity', null] },
  { local: 'interval', remote: 'interval', values: ['1 day', '24 hours', '-1 mon', null] },
  { local: 'boolean', remote: 'boolean', values: ['true', 'false', null] },
  { local: 'text', remote: 'boolean', values: ['true', 'false', null] },
  { local: 'bytea', remote: 'bytea', values: ['\\x00ff', '\\x', null] },
  { local: 'text', remote: 'uuid', values: UUIDS },
  { local: 'text[]', remote: 'text[]', values: ['{}', '{a,"b c",NULL,"NULL"}', null] },
  { local: 'numeric', remote: 'text', values: ['1', '1.50', '-3', null] },
];

const KEY_KINDS: readonly Omit<PairColumn, 'name'>[] = [
  { local: 'bigint', remote: 'bigint', values: ['9007199254740992', '9007199254740993', '-1', '0', '7'] },
  { local: 'integer', remote: 'bigint', values: ['1', '2', '-3', '2147483647'] },
  { local: 'bigint', remote: 'text', values: ['1', '2', '-3', '40'] },
  {
    local: 'text',
    remote: 'varchar(40)',
    values: ['a', 'A', 'a ', '', '007', '7', 'Ø', 'a|b', '1:a', 'x', 'x|5:y', 'y|1:z', 'z'],
  },
  { local: 'text', remote: 'char(4)', values: ['a', 'b', 'ab', 'Ø'] },
  { local: 'uuid', remote: 'uuid', values: UUIDS.filter((value) => value !== null) },
  { local: 'uuid', remote: 'text', values: [UUIDS[0]!.toUpperCase(), UUIDS[1]!] },
  { local: 'numeric(10,2)', remote: 'numeric', values: ['1', '1.5', '2.25', '-4.10'] },
  { local: 'timestamptz', remote: 'timestamptz', values: INSTANTS.filter((value) => value !== null) },
  { local: 'date', remote: 'date', values: ['2026-02-01', '2026-01-02', '2026-12-31'] },
];

const NAMES = ['name', 'serial no', 'Größe', 'select', `it's "x"`, 'key_hash', 'rows', 'f', 'was', 'state'];
const KEY_NAMES = ['id', 'Element ID', 'row_hash', 'place'];

const limits: fc.Arbitrary<DownloadLimits> = fc.record({
  sentKeys: fc.constantFrom(0, 2, DEFAULT_LIMITS.sentKeys),
  rowsAtOnce: fc.constantFrom(1, DEFAULT_LIMITS.rowsAtOnce),
});

/** Any two tables of these kinds. */
export const tablePair: fc.Arbitrary<TablePair> = fc
  .record({
    key: columnsOf(KEY_KINDS, KEY_NAMES, 2),
    columns: columnsOf(COLUMN_KINDS, NAMES, 6),
    hasActive: fc.boolean(),
    limits,
  })
  .chain(({ key, columns, ...others }) => {
    const values = columns.map((column) => fc.constantFrom(...column.values));
    const row = fc.tuple(...key.map((part) => fc.constantFrom(...part.values)), ...values);
    const toKey = (texts: PairRow): string => JSON.stringify(texts.slice(0, key.length));
    const rows = (maxLength: number): fc.Arbitrary<PairRow[]> =>
      fc.uniqueArray(row as fc.Arbitrary<PairRow>, { maxLength, selector: toKey });
    const edit = fc.record({ row: fc.nat(20), values: fc.option(fc.tuple(...values) as fc.Arbitrary<PairRow>) });
    return fc.record({
      key: fc.constant(key),
      columns: fc.constant(columns),
      hasActive: fc.constant(others.hasActive),
      limits: fc.constant(others.limits),
      before: rows(10),
      after: rows(10),
      own: rows(3),
      edits: fc.array(edit, { maxLength: 4 }),
    });
  });

function columnsOf(
  kinds: readonly Omit<PairColumn, 'name'>[],
  names: readonly string[],
  maxLength: number,
): fc.Arbitrary<PairColumn[]> {
  const column = fc.record({ kind: fc.constantFrom(...kinds), name: fc.constantFrom(...names) });
  return fc
    .uniqueArray(column, { minLength: 1, maxLength, selector: ({ name }) => name })
    .map((columns) => columns.map(({ kind, name }) => ({ ...kind, name })));
}
