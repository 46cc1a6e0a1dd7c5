import { fileURLToPath } from 'node:url';

/** The report that is shipped with the package; SOURCE.md beside it says where it comes from. */
export const SHIPPED_REPORT = fileURLToPath(new URL('./DEM_Report_10-02-13.csv.gz', import.meta.url));
