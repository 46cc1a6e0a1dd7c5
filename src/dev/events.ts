import type { Status } from '../model/status.js';
import type { Proof } from './proof.js';
import type { Progress } from './sample/read-report.js';

/** What a person is shown while `demo` or `dev` runs. */
export type DevEvent =
  /** A new part of the script begins. */
  | { readonly kind: 'step'; readonly title: string }
  /** A fact on the way. */
  | { readonly kind: 'note'; readonly text: string }
  /** Something that needs a person's eye, but not an end. */
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'status'; readonly when: string; readonly status: Status };

/** Shows an event. The script neither prints nor knows who does. */
export type Reporter = (event: DevEvent) => void;

/** The result of the demo, as `demo --json` prints it. */
export interface DemoResult extends Proof {
  /** True when every reading that was generated is remote, once and unchanged. */
  readonly ok: boolean;
  readonly cycles: number;
  readonly finalStatus: Status;
}
