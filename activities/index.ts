import type { Activities } from '../src/model/operations.js';
import type { ActivityDependencies } from './dependencies.js';
import { decideDownload } from './decide-download.js';
import { downloadMeters } from './download-meters.js';
import { downloadTenants } from './download-tenants.js';
import { probe } from './probe.js';
import { timed } from './timed.js';
import { uploadReadings } from './upload-readings.js';

/** The activities of the sites that `dependencies` knows, ready for a Temporal worker. */
export function createActivities(dependencies: ActivityDependencies): Activities {
  return {
    uploadReadings: timed(uploadReadings(dependencies)),
    downloadMeters: timed(downloadMeters(dependencies)),
    downloadTenants: timed(downloadTenants(dependencies)),
    probe: timed(probe(dependencies)),
    decideDownload: timed(decideDownload(dependencies)),
  };
}
