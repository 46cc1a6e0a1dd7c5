import type { DevEvent } from '../dev/events.js';
import type { Output, Progress } from './output.js';
import { renderMoment } from './render-figures.js';

/** Shows what `demo` and `dev` tell: to people on standard output, in JSON mode on standard error. */
export function reportTo(output: Output): (event: DevEvent) => void {
  const print = output.isJson ? output.note : output.text;
  let bar: { readonly what: string; readonly progress: Progress } | null = null;
  const endBar = (): void => {
    bar?.progress.end();
    bar = null;
  };
  return (event) => {
    if (event.kind !== 'progress') endBar();
    if (event.kind === 'step') print(`\n${output.paint('heading', event.title)}`);
    if (event.kind === 'note') print(`  ${event.text}`);
    if (event.kind === 'warning') print(`  ${output.paint('warning', event.text)}`);
    if (event.kind === 'status') print(`  ${event.when}: ${renderMoment(event.status)}`);
    if (event.kind !== 'progress') return;
    const { what, done, total } = event.progress;
    if (bar?.what !== what) endBar();
    bar ??= { what, progress: output.progress(what) };
    bar.progress.update(done, total);
    if (done >= total) endBar();
  };
}
