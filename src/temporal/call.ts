import { CALL_TIMEOUT_MS, type TemporalClient } from './connection.js';
import { toTemporalError } from './translate-errors.js';

/**
 * One call with a deadline, and its errors as people can act on them.
 * @throws Unreachable, Refused; other errors of the client as they are
 */
export async function callTemporal<Result>(
  temporal: TemporalClient,
  call: () => Promise<Result>,
  { timeoutMs = CALL_TIMEOUT_MS, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Result> {
  const { client } = temporal;
  const callInTime = (): Promise<Result> => client.withDeadline(Date.now() + timeoutMs, call);
  try {
    return await (signal === undefined ? callInTime() : client.withAbortSignal(signal, callInTime));
  } catch (error) {
    throw toTemporalError(error, temporal);
  }
}
