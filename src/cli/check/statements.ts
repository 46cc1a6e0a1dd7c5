import type { TableRef } from '../../model/table.js';
import { relation } from '../../postgres/identifier.js';
import type { Statement } from '../../postgres/statement.js';

/** What a server says of itself and of us. */
export interface ServerFacts {
  readonly version: string;
  readonly version_number: string;
  readonly user_name: string;
  readonly database_name: string;
  /** `true` on a standby, or where transactions only read by default. */
  readonly is_read_only: string;
  readonly has_tls: string | null;
  readonly may_make_temporary: string;
  readonly clock_ms: string;
}

export function selectServerFacts(): Statement {
  return {
    text: `
      select current_setting('server_version') as version,
        current_setting('server_version_num') as version_number,
        current_user::text as user_name,
        current_database()::text as database_name,
        (pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean)::text as is_read_only,
        (select s.ssl from pg_catalog.pg_stat_ssl s where s.pid = pg_backend_pid())::text as has_tls,
        has_database_privilege(current_database(), 'TEMPORARY')::text as may_make_temporary,
        (extract(epoch from clock_timestamp()) * 1000)::bigint::text as clock_ms`,
    values: [],
  };
}

/** How many connections this user may have; -1: no limit of its own. */
export interface ConnectionLimits {
  readonly of_role: string;
  readonly of_database: string;
}

/** The limits that anybody may read; a superuser has none. What others use of max_connections changes by the second. */
export function selectConnectionLimits(): Statement {
  return {
    text: `
      select (case when r.rolsuper then -1 else r.rolconnlimit end)::text as of_role,
        (case when r.rolsuper then -1 else d.datconnlimit end)::text as of_database
      from pg_catalog.pg_roles r, pg_catalog.pg_database d
      where r.rolname = current_user and d.datname = current_database()`,
    values: [],
  };
}

/** The cluster's own number; not every user may read it. */
export function selectSystemIdentifier(): Statement {
  return { text: 'select system_identifier::text as id from pg_catalog.pg_control_system()', values: [] };
}

/** The rights of a list that this user lacks on a table. */
export function selectMissingRights(table: TableRef, rights: readonly string[]): Statement {
  return {
    text: `
      select wanted.name as right
      from unnest($2::text[]) with ordinality as wanted(name, position)
      where not has_table_privilege(to_regclass($1)::oid, wanted.name)
      order by wanted.position`,
    values: [relation(table), [...rights]],
  };
}

/** Whether row-level security hides rows of a table from this user. */
export function selectRowSecurity(table: TableRef): Statement {
  return { text: 'select row_security_active(to_regclass($1)::oid)::text as active', values: [relation(table)] };
}
