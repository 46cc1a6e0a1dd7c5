import type { Statement } from './statement.js';

/**
 * Makes a transaction print and read values in one form, whatever the database, the user or the server say: for
 * boundaries that are carried as text, and for COPY in text. Ends with the transaction, so a pooler may sit in between.
 */
export function setTextForms(): Statement {
  return {
    text: `
      select set_config('DateStyle', 'ISO, YMD', true),
        set_config('IntervalStyle', 'postgres', true),
        set_config('TimeZone', 'UTC', true),
        set_config('extra_float_digits', '3', true),
        set_config('bytea_output', 'hex', true),
        set_config('lc_monetary', 'C', true)`,
    values: [],
  };
}
