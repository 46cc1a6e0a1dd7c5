import type { Activities } from '../src/model/operations.js';
import type { ActivityDependencies } from './dependencies.js';
import { decideDownload } from './decide-download.js';
import { downloadMeters } from './download-meters.js';
import { downloadTenants } from './download-tenants.js';
import { heard } from './heard.js';
import { probe } from './probe.js';
import { timed } from './timed.js';
import { uploadReadings } from './upload-readings.js';

/** The activities of the sites that `dependencies` knows, ready for a Temporal worker. */
export function createActivities(dependencies: ActivityDependencies): Activities {
  const { hear } = dependencies;
  return {
    uploadReadings: timed(heard(hear, uploadReadings(dependencies))),
    downloadMeters: timed(heard(hear, downloadMeters(dependencies))),
    downloadTenants: timed(heard(hear, downloadTenants(dependencies))),
    probe: timed(heard(hear, probe(dependencies))),
    decideDownload: timed(heard(hear, decideDownload(dependencies))),
  };
}
