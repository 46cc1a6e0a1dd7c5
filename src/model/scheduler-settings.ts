/** The settings of a running scheduler: what `configure` changes and answers with. */
export interface SchedulerSettings {
  /** From one planned cycle to the next. */
  readonly intervalMs: number;
  /** Readings in one batch, at most. */
  readonly batchRows: number;
}

/** The settings of a site that names none; the defaults of src/config are made from them. */
export const DEFAULT_SETTINGS: SchedulerSettings = { intervalMs: 60_000, batchRows: 50_000 };

/** The settings that are in force after a valid change; fields that are not given stay as they were. */
export function applySettings(settings: SchedulerSettings, change: Partial<SchedulerSettings>): SchedulerSettings {
  return {
    ...settings, // also what a worker of another version has added
    intervalMs: change.intervalMs ?? settings.intervalMs,
    batchRows: change.batchRows ?? settings.batchRows,
  };
}
