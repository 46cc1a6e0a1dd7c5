import type { FailureKind } from '../../../src/model/failures.js';
import type { QueueTable } from '../../../src/model/table.js';

/** The table of readings of every run. */
export const LAB_READINGS: QueueTable = {
  table: { schema: null, name: 'meter_readings' },
  key: ['id'],
  order: 'created_at',
  flag: 'is_synchronized',
};

/** Where a worker finds a database: a port of 127.0.0.1. */
export interface Way {
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** What a worker is to drain. */
export interface WorkOrder {
  readonly siteId: string;
  readonly readings: QueueTable;
  readonly local: Way;
  readonly remote: Way;
  readonly batchRows: number;
  readonly maxDurationMs: number;
}

/** To a worker. `finish`: end once the queue is empty. */
export type ToWorker = { readonly type: 'work'; readonly order: WorkOrder } | { readonly type: 'finish' };

/** An attempt that a worker has made. */
export interface Attempted {
  readonly type: 'attempt';
  /** Null: it went well. */
  readonly failure: { readonly kind: FailureKind; readonly message: string; readonly sqlstate: string | null } | null;
  readonly batches: number;
  /** -1: not known. */
  readonly queueSize: number;
}

/** From a worker. `batch`: one is done at both ends. */
export type FromWorker = Attempted | { readonly type: 'ready' | 'batch' | 'drained' };
