import { isGrpcServiceError, NamespaceNotFoundError } from '@temporalio/client';
import { Refused, TemporalError, Unreachable } from './errors.js';

/** The gRPC status codes we decide by. https://grpc.io/docs/guides/status-codes/ */
export const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  failedPrecondition: 9,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** grpc-js gives this one no code, so its text decides. */
const NO_CONNECTION = /^Failed to connect before the deadline/;

/** Where a call went, for the message. */
export interface Place {
  readonly address: string;
  readonly namespace: string;
  /** What to add when nobody answers, see `WayToTemporal`. */
  readonly hint: string;
}

/** The gRPC code of an error, however deep the client has wrapped it; null for errors of other kinds. */
export function toGrpcCode(error: unknown): number | null {
  const grpc = findGrpcError(error);
  return grpc === null ? null : grpc.code;
}

/** Any error of the client as one that a person can act on; what is neither stays as it is. */
export function toTemporalError(error: unknown, { address, namespace, hint }: Place): unknown {
  if (error instanceof TemporalError) return error;
  if (error instanceof NamespaceNotFoundError) return new Refused(address, namespace, 'there is no such namespace');
  if (error instanceof Error && NO_CONNECTION.test(error.message))
    return new Unreachable(address, `no connection in time${hint}`);
  const grpc = findGrpcError(error);
  if (grpc === null) return error;
  const { code, details } = grpc;
  if (code === GRPC.unavailable)
    return new Unreachable(address, `${details === '' ? 'no connection' : details}${hint}`);
  if (code === GRPC.deadlineExceeded || code === GRPC.cancelled) {
    return new Unreachable(address, `no answer in time${hint}`, true);
  }
  if (code === GRPC.failedPrecondition) return error; // a worker's absence; the caller knows more
  return new Refused(address, namespace, details);
}

function findGrpcError(error: unknown): { readonly code: number; readonly details: string } | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at)) return { code: at.code, details: at.details ?? '' };
  }
  return null;
}
