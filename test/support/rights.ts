import type { Side } from '../../src/model/failures.js';

/** Whom everything that is tested connects as: owner of nothing, with the rights that `docs/operations.md` lists. */
export const WORKER = 'meter_sync';

/** Rights on tables, as SQL, at each end. */
export type Rights = Readonly<Record<Side, string>>;

/** On readings. */
export const UPLOADED: Rights = { local: 'select, delete', remote: 'select, insert' };
/** On meters, tenants and further tables. */
export const DOWNLOADED: Rights = { local: 'select, insert, update, delete', remote: 'select' };
/** On tables that a test makes for neither of the two alone. */
export const EITHER: Rights = { local: DOWNLOADED.local, remote: UPLOADED.remote };

/** Makes the role on a server where it is missing, as SQL. Its password is the superuser's, so that their URLs differ in the name alone. */
export function makeWorker(password: string): string {
  return `do $$ begin
    create role ${WORKER} login password '${password}';
  exception when duplicate_object or unique_violation then null; end $$`;
}

/** What the set-up makes from now on, in any schema, may be used with these rights, as SQL. */
export function grantOnNewTables(rights: string): string {
  return `
    alter default privileges grant ${rights} on tables to ${WORKER};
    alter default privileges grant usage on schemas to ${WORKER}`;
}

/** The rights on the sample's tables, as SQL. */
export function grantOnSample(side: Side): string {
  return `
    grant ${UPLOADED[side]} on meter_readings to ${WORKER};
    grant ${DOWNLOADED[side]} on meter, tenant to ${WORKER}`;
}

/** The URL of a server or database as the worker's role has it. */
export function asWorker(url: string): string {
  return Object.assign(new URL(url), { username: WORKER }).href;
}
