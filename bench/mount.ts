import pg from 'pg';
import { sql } from './servers.js';

/** A table of another database that is to be seen in this one. */
interface Mount {
  readonly on: string;
  readonly from: string;
  readonly table: string;
  /** An option of `postgres_fdw` with its value. */
  readonly option: string;
}

/** Makes a table of one end visible at the other one with `postgres_fdw`, in the schema `other_end`. */
export async function mount({ on, from, table, option }: Mount): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(from);
  const [host, database, user, secret] = [hostname, pathname.slice(1), username, password].map((part) =>
    pg.escapeLiteral(decodeURIComponent(part)),
  );
  await sql(
    on,
    `create extension postgres_fdw;
     create server other_end foreign data wrapper postgres_fdw
       options (host ${host}, port '${port}', dbname ${database}, ${option});
     create user mapping for current_user server other_end options (user ${user}, password ${secret});
     create schema other_end;
     import foreign schema public limit to (${table}) from server other_end into other_end`,
  );
}
