import { WorkflowUpdateFailedError } from '@temporalio/client';
import { InvalidChange, NoWorker } from './errors.js';

/**
 * An update that changes something: it may be refused, and without a worker it is neither done nor undone.
 * @throws InvalidChange - with `next`; NoWorker; what `update` throws
 */
export async function takeChange<Result>(change: object, next: string, update: () => Promise<Result>): Promise<Result> {
  try {
    return await update();
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError)
      throw new InvalidChange(change, error.cause?.message ?? error.message, next);
    throw error instanceof NoWorker ? error.afterChange() : error;
  }
}
