import { existsSync } from 'node:fs';
import { sql } from '../servers.js';
import { shell } from '../shell.js';

/** The twenty columns of the table. */
export const METER_COLUMNS: readonly { readonly name: string; readonly type: string }[] = [
  { name: 'id', type: 'bigint' },
  { name: 'name', type: 'text' },
  { name: 'tenant_id', type: 'bigint' },
  { name: 'active', type: 'boolean' },
  { name: 'device_id', type: 'integer' },
  { name: 'object_type', type: 'smallint' },
  { name: 'object_id', type: 'bigint' },
  { name: 'object_name', type: 'text' },
  { name: 'description', type: 'text' },
  { name: 'unit', type: 'text' },
  { name: 'point_type', type: 'text' },
  { name: 'location', type: 'text' },
  { name: 'equipment', type: 'text' },
  { name: 'subsystem', type: 'text' },
  { name: 'building', type: 'text' },
  { name: 'type_name', type: 'text' },
  { name: 'serial_number', type: 'text' },
  { name: 'multiplier', type: 'numeric(12,4)' },
  { name: 'installed_at', type: 'timestamptz' },
  { name: 'updated_at', type: 'timestamptz' },
];

/** Their names, in their order. */
export const METER_NAMES = METER_COLUMNS.map(({ name }) => name);

/** The table, empty. */
export function createMeterTable(): string {
  const columns = METER_COLUMNS.map(({ name, type }) => `${name} ${type}${name === 'id' ? ' primary key' : ''}`);
  return `create table meter (${columns.join(', ')})`;
}

/** Where the points of a real building lie, when somebody has them: University of California, San Diego, EBU3B. */
const REAL_POINTS = 'points-metadata/ebu3b_points.csv';

const LIST_COLUMNS =
  'place, uid, device_id, object_type, object_id, name, object_name, description, unit, point_type, point_ref, location, ' +
  'equipment_type, equipment, subsystem, building, comments, type_name';

/**
 * Makes the list that meters are drawn from in a database: real ones where the archive is there, else made ones.
 * @returns which of the two
 */
export async function loadPoints(url: string, archive: string): Promise<'real' | 'made'> {
  const columns = LIST_COLUMNS.split(', ').map((name) => `${name} text`);
  await sql(url, `create table listed (${columns.join(', ')})`);
  const isReal = existsSync(archive);
  if (isReal) {
    await shell('tar xzOf "$ARCHIVE" "$LIST" | psql -qX "$URL" -c "copy listed from stdin (format csv, header)"', {
      ARCHIVE: archive,
      LIST: REAL_POINTS,
      URL: url,
    });
  } else await sql(url, MAKE_POINTS);
  await sql(url, 'create table point as select row_number() over (order by uid) - 1 as at, listed.* from listed');
  await sql(url, 'create unique index on point (at); analyze point');
  return isReal ? 'real' : 'made';
}

/** As many as the real list has, and about as long. */
const MAKE_POINTS = `
  insert into listed (${LIST_COLUMNS})
  select n::text, 500 + n % 2 || '_' || n % 7 || '_' || 3000000 + n, (500 + n % 2)::text, (n % 7)::text, (3000000 + n)::text,
    'BUILDING.UNIT-' || n / 10 || '.POINT-' || n, 'NAE 05 N2 1 VND ' || n, 'Measured value ' || n % 40, (n % 90)::text,
    'Sensor kind ' || n % 60, null, 'Rm_B' || n % 300, 'VAV', 'VAV-' || n % 250, 'Water System -> Pump -> ' || n % 9,
    'BUILDING', null, 'Analog Input'
  from generate_series(1, 4594) as n`;

/** Fills the table with `rows` meters, the same ones each time; those of the list come again and again. */
export function insertMeters(rows: number): string {
  return `
    insert into meter (${METER_NAMES.join(', ')})
    select n, p.name || case when n > points then ' ' || n / points else '' end, 1 + n % 50, n % 40 <> 0, p.device_id::integer,
      p.object_type::smallint, p.object_id::bigint, p.object_name, p.description, p.unit, p.point_type, p.location,
      p.equipment, p.subsystem, p.building, p.type_name, lpad((n * 7919)::text, 12, '0'), (n % 1000) / 8.0,
      '2019-01-01 00:00:00+00'::timestamptz + n * interval '7 minutes', '2026-01-01 00:00:00.000001+00'
    from (select count(*) as points from point) as c, generate_series(1::bigint, ${rows}) as n
    join point as p on p.at = n % (select count(*) from point)`;
}
