import type { Output, Progress } from '../output.js';

/** Progress over several stages of work, one bar after the other; shown to a person on a terminal, and to nobody else. */
interface Stages {
  readonly update: (stage: string, done: number, total: number) => void;
  readonly end: () => void;
}

export function openStages({ progress }: Output, isWatched = process.stderr.isTTY === true): Stages {
  let current: { readonly stage: string; readonly bar: Progress } | null = null;
  const end = (): void => {
    current?.bar.end();
    current = null;
  };
  return {
    update: (stage, done, total) => {
      if (!isWatched || total === 0) return;
      if (current?.stage !== stage) {
        end();
        current = { stage, bar: progress(stage.padEnd(STAGE_WIDTH)) };
      }
      current.bar.update(done, total);
    },
    end,
  };
}

/** So that the bars stand below each other. */
const STAGE_WIDTH = 16;
