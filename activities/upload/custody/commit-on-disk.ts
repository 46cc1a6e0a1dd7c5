import type { Statement } from '../../../src/postgres/statement.js';

/**
 * Makes the commit of a transaction wait until it is on the server's disk, where the server would confirm it before that.
 * A crash would else take back what the other end has been told: readings that were removed at the site, or the site's
 * place in the custody chain, and a site that has fallen back by two batches is fenced.
 */
export function commitOnDisk(): Statement {
  return { text: 'set local synchronous_commit to on', values: [] };
}
