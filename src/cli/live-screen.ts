// A screen that is drawn again and again in place, until q, Ctrl-C or a signal: then the terminal is as it was before.
import { sleep } from '../base/backoff.js';
import type { Size } from './status-screen.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EVERY_MS = 1_000;

/** `draw` gives the lines, at most as many as there are rows, and never with control characters in them. */
export async function showLive(draw: (size: Size) => Promise<readonly string[]>): Promise<void> {
  const { stdin, stdout } = process;
  const leaving = new AbortController();
  const leave = (): void => leaving.abort();
  let redraw = new AbortController();
  const onKey = (key: Buffer): void => {
    if (['q', 'Q', CTRL_C, CTRL_D].includes(key.toString())) leave();
  };
  const onResize = (): void => redraw.abort();
  for (const signal of SIGNALS) process.on(signal, leave);
  stdout.on('resize', onResize);
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey);
  stdout.write(ENTER);
  try {
    while (!leaving.signal.aborted) {
      redraw = new AbortController();
      const size = { columns: stdout.columns, rows: stdout.rows };
      const lines = await draw(size);
      // Not below the last row: that would scroll.
      const shown = lines.slice(0, size.rows).map((line) => `${line}${REST_OF_LINE}`);
      stdout.write(`${HOME}${shown.join('\r\n')}${REST_OF_SCREEN}`);
      await sleep(EVERY_MS, AbortSignal.any([leaving.signal, redraw.signal]));
    }
  } finally {
    stdout.write(LEAVE);
    if (stdin.isTTY) stdin.setRawMode(false).off('data', onKey).pause();
    stdout.off('resize', onResize);
    for (const signal of SIGNALS) process.off(signal, leave);
  }
}
