import type { Activities } from '../src/model/operations.js';
import type { ActivityDependencies } from './databases.js';
import { decideDownload } from './decide-download.js';
import { downloadMeters } from './download-meters.js';
import { downloadTenants } from './download-tenants.js';
import { probe } from './probe.js';
import { uploadReadings } from './upload-readings.js';

/** The activities of the sites that `dependencies` knows, ready for a Temporal worker. */
export function createActivities(dependencies: ActivityDependencies): Activities {
  return {
    uploadReadings: uploadReadings(dependencies),
    downloadMeters: downloadMeters(dependencies),
    downloadTenants: downloadTenants(dependencies),
    probe: probe(dependencies),
    decideDownload: decideDownload(dependencies),
  };
}
