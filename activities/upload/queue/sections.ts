import type { QueueTable } from '../../../src/model/table.js';
import { literal, relation } from '../../../src/postgres/identifier.js';
import { type Database, run, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { type Place, placeAfter, type Queue } from './queue.js';
import { isEmpty } from './queue-figures.js';

/**
 * Partitions that one statement of the queue may touch. It locks each and all their indexes until its transaction ends, and a
 * server as it comes has room for 6,400 locks of all its transactions together: a table of 2,000 partitions takes them all.
 */
const PARTITIONS_OF_SECTION = 16;

/**
 * Where a table that is partitioned by ranges of the order column is cut into sections of few partitions: at lower bounds of
 * its partitions, as PostgreSQL prints them. Whatever becomes of the partitions later, the sections hold every value once.
 * @returns values of the order column, ascending; none where the table is partitioned otherwise, has few partitions or none
 */
export async function readCuts(session: Session, { table, order }: QueueTable, orderType: string): Promise<string[]> {
  const [found] = await run<{ cuts: string }>(
    session,
    plain(`
      select array_to_json(array(
        select b.bound::text
        from (
          select f.bound, row_number() over (order by f.bound) - 1 as place
          from pg_catalog.pg_partitioned_table p
          join pg_catalog.pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
          join pg_catalog.pg_inherits i on i.inhparent = p.partrelid
          join pg_catalog.pg_class c on c.oid = i.inhrelid
          cross join lateral regexp_matches(
            pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \\((?:''((?:[^'']|'''')*)''|([0-9.]+))[,)]') as m(parts)
          cross join lateral (
            select replace(coalesce(m.parts[1], m.parts[2]), '''''', '''')::${orderType} as bound) as f
          where p.partrelid = to_regclass(${literal(relation(table))})
            and p.partstrat = 'r'
            and a.attname = ${literal(order)}
        ) as b
        where b.place > 0 and b.place % ${PARTITIONS_OF_SECTION} = 0
        order by b.place))::text as cuts`),
  );
  return JSON.parse(found?.cuts ?? '[]') as string[];
}

/**
 * The first place from this one on where something may wait; null: nothing does. In a transaction of its own, so that a batch
 * holds locks of its own section alone.
 */
export async function skipEmptySections(
  local: Database,
  queue: Queue,
  place: Place | null,
  signal: AbortSignal,
): Promise<Place | null> {
  if (queue.cuts.length === 0 || place === null || place.above !== null) return place;
  return withTransaction(local, { isolation: 'read committed', signal }, async (session) => {
    for (let at: Place | null = place; at !== null; at = placeAfter(queue, { ...at, upTo: null })) {
      if (!(await isEmpty(session, queue, at))) return at;
    }
    return null;
  });
}
