/**
 * Makes a transaction print values in one form, whatever the database, the user or the server say. Ends with the transaction, so
 * a pooler may sit in between. In few bytes: a check of equal tables should cost no more than its figures.
 */
export const PRINTED_FORMS: readonly string[] = [
  'set local datestyle=iso,ymd',
  'set local intervalstyle=postgres',
  'set local timezone=utc',
  'set local extra_float_digits=3',
  'set local bytea_output=hex',
  "set local lc_monetary='C'",
];

/**
 * The same for values that are read, too: for boundaries that are carried as text, for COPY in text, and wherever text is hashed.
 * Without `array_nulls` an array's NULL would be read as a text of four letters.
 */
export const TEXT_FORMS: readonly string[] = [
  ...PRINTED_FORMS,
  'set local array_nulls=on',
  'set local xmloption=content',
];

/**
 * PostgreSQL's own functions come first, whatever path somebody has set for the database: a function of the same name could answer
 * in their place. Names of tables without a schema are found as before.
 */
export const OWN_FUNCTIONS_FIRST =
  "select pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog', " +
  "nullif(pg_catalog.current_setting('search_path'), '')), true)";
