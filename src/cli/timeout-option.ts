import { InvalidArgumentError, Option } from 'commander';

const MAX_SECONDS = 86_400;

/** `--timeout-seconds`, for commands that can wait. */
export function timeoutOption(fallbackSeconds: number): Option {
  return new Option('--timeout-seconds <seconds>', 'with --wait: how long to wait')
    .default(fallbackSeconds)
    .argParser(parseSeconds);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0 && seconds <= MAX_SECONDS) return seconds;
  throw new InvalidArgumentError(`Expected a number of seconds up to ${MAX_SECONDS}.`);
}
