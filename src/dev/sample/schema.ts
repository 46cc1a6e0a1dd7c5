import { readFileSync } from 'node:fs';

import type { Side } from '../../model/failures.js';

/**
 * The sample tables of one side, `meter_readings`, `meter` and `tenant`, as SQL of several statements.
 *
 * Safe to repeat: tables that are there stay as they are.
 */
export function sampleSchema(side: Side): string {
  return readFileSync(new URL(`./${side}-schema.sql`, import.meta.url), 'utf8');
}
