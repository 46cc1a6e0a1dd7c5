import type { Command } from 'commander';
import type { SettingSources } from '../config/read/layers.js';
import type { Output } from './output.js';

/** What a command is given. */
export interface Context {
  /** Settings, with the options of the command line first. */
  readonly sources: SettingSources;
  readonly output: Output;
  /** Adds work to be done when the command has ended, however it ended; the last one first. */
  readonly defer: (work: () => Promise<void>) => void;
}

/** What a command answers with: one document for programs, or a text for people. */
export interface Answer {
  /** 0 unless told: 1 when something is not fine. A probe has codes of its own. */
  readonly exitCode?: 0 | 1 | 2 | 3;
  /** Null when the command has printed its own. */
  readonly document: object | null;
  readonly text: string;
}

/** One command of the command line. Heavy modules are loaded in `run`, so that `--help` and `status` stay quick. */
export interface CommandSpec<Options = Record<string, never>> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More for the command's own help. */
  readonly description?: string;
  readonly examples: readonly [string, ...string[]];
  /** Settings that have an option here, besides the common ones. */
  readonly settings?: readonly string[];
  /** True when only settings that are given have an effect, so that a default would mislead. */
  readonly givenOnly?: true;
  /** Adds options of the command's own. */
  readonly addOptions?: (command: Command) => void;
  readonly run: (context: Context, options: Options) => Promise<Answer>;
}

/** A usage that cannot be: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}
