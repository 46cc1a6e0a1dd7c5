/**
 * The public names of meter-sync on Temporal. Programs in other languages use them: a change here is a wire change and
 * belongs in the CHANGELOG.
 */

/** Workflow type: the one endless workflow of a site. */
export const WORKFLOW_TYPE = 'syncScheduler';

/** The one query. Answers with a `Status`. */
export const GET_STATUS_QUERY = 'getStatus';

/** Signal: ends an upload with its batch, then the running cycle, then the workflow. Takes nothing, as `resume`. */
export const STOP_SIGNAL = 'stop';
/** Signal: begins no further cycle until `resume`. May take a `PauseOrder`. */
export const PAUSE_SIGNAL = 'pause';
/** Signal: ends a pause; the next cycle begins at once. */
export const RESUME_SIGNAL = 'resume';
/** Signal: runs a full cycle at once, also while paused. May take `{ full: true }`: refused rows are tried again. */
export const SYNC_NOW_SIGNAL = 'syncNow';
/** Signal: continues as new on other task queues. Takes a `MoveOrder`; anything else is left unheard, with a warning in the log. */
export const MOVE_TO_SIGNAL = 'moveTo';

/** Update: runs a probe of both databases, answers with a live `Status`. */
export const REFRESH_STATUS_UPDATE = 'refreshStatus';
/** Update: takes a `Partial<SchedulerSettings>`, answers with all settings in force. */
export const CONFIGURE_UPDATE = 'configure';
/** Update: takes a `DownloadDecision`, answers with the `HeldDownload` that it decides. */
export const DECIDE_DOWNLOAD_UPDATE = 'decideDownload';

/** Search attributes; a workflow writes those that its start has set, so they must be registered before. */
export const SEARCH_ATTRIBUTES = {
  site: 'MeterSyncSite',
  state: 'MeterSyncState',
  health: 'MeterSyncHealth',
  lag: 'MeterSyncLag',
  oldest: 'MeterSyncOldest',
} as const;

/** The type of a search attribute, as Temporal names it. */
export type SearchAttributeType = 'Keyword' | 'Datetime';

/** With which type each of them is registered. */
export const SEARCH_ATTRIBUTE_TYPES: Readonly<Record<string, SearchAttributeType>> = {
  [SEARCH_ATTRIBUTES.site]: 'Keyword',
  [SEARCH_ATTRIBUTES.state]: 'Keyword',
  [SEARCH_ATTRIBUTES.health]: 'Keyword',
  [SEARCH_ATTRIBUTES.lag]: 'Keyword',
  [SEARCH_ATTRIBUTES.oldest]: 'Datetime',
};

/** The key of the workflow's memo under which its last known figures are, a `SiteMemo`. */
export const STATUS_MEMO = 'meterSyncStatus';

/** The task queue of a worker that serves many sites from a sites file. */
export const SHARED_TASK_QUEUE = 'meter-sync';

/** The workflow id of a site. Temporal runs one workflow of an id at a time: this is the site's lock. */
export function toWorkflowId(siteId: string): string {
  return `meter-sync:${siteId}`;
}

/** The site of a workflow; null: it is none of ours. */
export function toSiteId(workflowId: string): string | null {
  const prefix = toWorkflowId('');
  return workflowId.startsWith(prefix) ? workflowId.slice(prefix.length) : null;
}

/** The task queue of a worker that serves this site alone. */
export function toSiteTaskQueue(siteId: string): string {
  return `meter-sync:${siteId}`;
}
