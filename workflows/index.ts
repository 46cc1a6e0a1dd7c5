/** The entry of the workflow bundle. Every function exported here is a workflow type. */
export { syncScheduler } from './sync-scheduler.js';
