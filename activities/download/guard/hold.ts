import type { DecidedBy, HeldDownload, HeldFigures } from '../../../src/model/guard.js';
import type { NamedRow } from '../../../src/model/operations.js';
import { type OwnedTable, toTableName } from '../../../src/model/table.js';
import { literal } from '../../../src/postgres/identifier.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { run, type Session } from '../../../src/postgres/session.js';

/** A row of a held change set, for people. */
export interface HeldExample extends NamedRow {
  readonly kind: 'new' | 'changed' | 'gone';
  readonly fields: readonly string[];
}

/** A change set that was just found, and is not applied. */
export interface FoundHold {
  readonly fingerprint: string;
  readonly figures: HeldFigures;
  readonly examples: readonly HeldExample[];
}

/** A hold as the site keeps it, while it lasts. */
export interface OpenHold extends HeldDownload {
  readonly id: string;
  readonly examples: readonly HeldExample[];
}

/** A hold under the alias `h`, as one object. */
const HOLD = `row_to_json((select o from (select h.id::text, h.table_name as "table", h.fingerprint as change, ${isoUtc('h.since')} as since, h.numbers,
    h.examples, h.decision, h.decided_by as by, ${isoUtc('h.decided_at')} as at) as o))::text as hold`;

interface HoldRow extends Pick<OpenHold, 'id' | 'table' | 'change' | 'since' | 'examples'> {
  readonly numbers: HeldFigures;
  /** All three null: nobody has decided. */
  readonly decision: DecidedBy['decision'] | null;
  readonly by: string;
  readonly at: string;
}

/** Reads the open hold of a table, at most one row; for {@link toOpenHold}. */
export function selectHold(site: string, { table }: OwnedTable): string {
  return `select ${HOLD} from meter_sync.download_hold as h where h.site = ${literal(site)} and h.table_name = ${literal(toTableName(table))} and h.ended_at is null`;
}

/** The hold that {@link selectHold} has read; null: nothing is held. */
export function toOpenHold(rows: readonly unknown[]): OpenHold | null {
  const [row] = rows as { readonly hold: string }[];
  if (row === undefined) return null;
  const { numbers, decision, by, at, ...hold } = JSON.parse(row.hold) as HoldRow;
  return { ...hold, ...numbers, decided: decision === null ? null : { decision, by, at } };
}

/** All open holds of a site, or those of one table, whose schema may be left out. */
export async function readHolds(here: Session, site: string, table: string | null): Promise<readonly OpenHold[]> {
  const rows = await run(here, {
    text: `
      select ${HOLD}
      from meter_sync.download_hold as h
      where h.site = $1
        and h.ended_at is null
        and ($2::text is null or h.table_name = $2 or right(h.table_name, length($2) + 1) = '.' || $2)
      order by h.since`,
    values: [site, table],
  });
  return rows.flatMap((row) => toOpenHold([row]) ?? []);
}

/**
 * Notes what was found. The same change set keeps its row and its decision; another one, about which nobody has decided,
 * takes the place of the last; after a decision it is held anew.
 */
export async function saveHold(here: Session, site: string, owned: OwnedTable, found: FoundHold): Promise<OpenHold> {
  const name = toTableName(owned.table);
  await run(here, {
    text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))',
    values: [`meter-sync hold ${site} ${name}`],
  });
  const open = toOpenHold(await run(here, { text: selectHold(site, owned), values: [] }));
  if (open?.change === found.fingerprint) return open;
  const { fingerprint, figures, examples } = found;
  const values = [fingerprint, JSON.stringify(figures), JSON.stringify(examples)];
  if (open !== null && open.decided !== null) await endHold(here, open, 'replaced');
  const rows =
    open !== null && open.decided === null
      ? await run(here, {
          text: `update meter_sync.download_hold as h set fingerprint = $1, numbers = $2, examples = $3 where h.id = $4 returning ${HOLD}`,
          values: [...values, open.id],
        })
      : await run(here, {
          text: `
            insert into meter_sync.download_hold as h (fingerprint, numbers, examples, site, table_name)
            values ($1, $2, $3, $4, $5)
            returning ${HOLD}`,
          values: [...values, site, name],
        });
  const saved = toOpenHold(rows);
  if (saved === null) throw new Error('a hold that was saved and is not there');
  return saved;
}

/** Notes how a hold has ended. */
export async function endHold(
  here: Session,
  { id }: OpenHold,
  ended: 'applied' | 'recovered' | 'replaced',
): Promise<void> {
  await run(here, {
    text: 'update meter_sync.download_hold set ended = $2, ended_at = clock_timestamp() where id = $1 and ended_at is null',
    values: [id, ended],
  });
}

/** A hold without what only the site needs to know of it. */
export function toHeldDownload({ id: _id, examples: _examples, ...held }: OpenHold): HeldDownload {
  return held;
}
