import type { GuardRules } from './guard.js';

/** A table by its name; `schema` is null when the search path decides. */
export interface TableRef {
  readonly schema: string | null;
  readonly name: string;
}

/** The table of readings at both ends, and what makes it a queue. */
export interface QueueTable {
  readonly table: TableRef;
  /** Columns that identify a reading at both ends. */
  readonly key: readonly string[];
  /** The column that orders the queue, oldest first; a timestamp, or any other type that has an order. */
  readonly order: string;
  /** The local boolean column that is true for uploaded readings; null: every row is queued. */
  readonly flag: string | null;
  /** The zone of instants that are written without one, an IANA name; absent: none is assumed. */
  readonly timeZone?: string;
  /** Columns whose values the remote may store less exactly; absent: none. */
  readonly mayRound?: readonly string[];
  /** Local columns that stay at the site, so that their values are deleted with their reading; absent: none. */
  readonly except?: readonly string[];
  /** How many days readings that have arrived stay at the site; absent: none, they are removed with their batch. */
  readonly keepDays?: number;
  /** How a delivery is proved afterwards; absent: `full`. */
  readonly custody?: CustodyMode;
  /** More culprits than this share of a batch, and than 100, are no bad readings but a fault of the remote; absent: `DEFAULT_REFUSED_SHARE`. */
  readonly maxRefusedShare?: number;
  /** The column that names the meter of a reading: it tells this site's readings from those of others; absent: none. */
  readonly meter?: string;
}

/** `strong`: as `full`, and a collision-resistant digest of each day; `full`: a chain of custody records with day sums; `chain`: without day sums; `off`: no record on the remote. */
export type CustodyMode = 'strong' | 'full' | 'chain' | 'off';

/** A table that the remote owns and the site copies. */
export interface OwnedTable {
  readonly table: TableRef;
  readonly key: readonly string[];
  /** Rows of some tenants only: the column and its values as text; null: all rows. */
  readonly filter: { readonly column: string; readonly values: readonly string[] } | null;
  /** What becomes of a row that the remote no longer has; absent: deactivated where a column can say so, else kept. */
  readonly gone?: GoneRule;
  /** Columns to copy of those that both ends have; absent: all. */
  readonly only?: readonly string[];
  /** Columns to leave alone; absent: none. */
  readonly except?: readonly string[];
  /** Columns whose values are never shown; absent: none. */
  readonly secret?: readonly string[];
}

/** What becomes of a row that the remote no longer has. */
export type GoneRule =
  | {
      readonly rule: 'deactivate';
      readonly column: string;
      /** The value of a row that is gone, as text. */
      readonly value: string;
      /** The value of a row that is there, where the remote has no such column; null: what the table gives it. */
      readonly present: string | null;
    }
  | { readonly rule: 'delete' }
  | { readonly rule: 'keep' };

/** How long applied changes are kept where no setting says so; the default of the settings is made from it. */
export const DEFAULT_HISTORY_DAYS = 90;

/** The tables that a site keeps in step. */
export interface SiteTables {
  readonly readings: QueueTable;
  readonly meters: OwnedTable;
  readonly tenants: OwnedTable;
  /** Copied after the meters; absent: none. */
  readonly further?: readonly OwnedTable[];
  /** How downloads are guarded and kept; absent: as a site has it that sets nothing. */
  readonly downloads?: { readonly guard: GuardRules; readonly historyDays: number };
}

/** A column as the catalogue tells it. */
export interface Column {
  readonly name: string;
  /** The type with its modifiers, as `format_type` prints it and as SQL of its own database takes it: `numeric(18,6)`. */
  readonly type: string;
  /**
   * The same for comparing, with domains resolved: two domains of one name may differ in what they round. A type of an extension is
   * without its schema, where each administrator may have put it.
   */
  readonly baseType: string;
  /** True when the type's binary form means the same on every server; a composite, for one, holds object ids. */
  readonly isPortable: boolean;
  /** True for an enum, which takes its own labels and nothing else. */
  readonly isEnum: boolean;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** `generated always as (...) stored` and `generated always as identity`: no value may be written. */
  readonly isGenerated: boolean;
  /** `generated always as identity`: an insert may override it, an update may not. */
  readonly isIdentity: boolean;
}

/** What the catalogue tells of a table. */
export interface TableShape {
  readonly table: TableRef;
  /** True when the rows lie in this database, those of all partitions too: it is no view, and nothing of it is foreign. */
  readonly isOwnTable: boolean;
  /** True when committed rows outlive a crash: nothing of it is unlogged or temporary. */
  readonly isDurable: boolean;
  readonly columns: readonly Column[];
  /** Columns that only tables which inherit from this one have: a query of it does not return them. */
  readonly columnsOfParts: readonly string[];
  /** The column sets of primary keys and of unique indexes that hold for all rows. */
  readonly uniqueKeys: readonly (readonly string[])[];
}

/** Columns to be found by their name. */
export function byName(columns: readonly Column[]): ReadonlyMap<string, Column> {
  return new Map(columns.map((column) => [column.name, column]));
}

/** A table's name for people: `public.meter_readings`, or as it is without a schema. */
export function toTableName(table: TableRef): string {
  return table.schema === null ? table.name : `${table.schema}.${table.name}`;
}

/** True when a table has a unique key on exactly these columns, in whatever order. */
export function hasUniqueKey({ uniqueKeys }: TableShape, key: readonly string[]): boolean {
  return uniqueKeys.some((unique) => unique.length === key.length && unique.every((name) => key.includes(name)));
}
