// pino's door: one line of JSON per event on standard error, so that standard output stays a command's own.
import { fstatSync } from 'node:fs';
import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';
import { printableJson } from './printable.js';

export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'> & {
  child(bindings: Record<string, unknown>): Logger;
};

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

const STDERR = 2;

export function createLogger(level: LogLevel): Logger {
  // Synchronous: the last lines before a crash are the ones that matter, and they are few.
  const plain = harmless(destination({ fd: STDERR, sync: true }));
  const stream = isJournal(process.env['JOURNAL_STREAM']) ? withPriorities(plain) : plain;
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

/** Ids and descriptions come from the air. */
function harmless(stream: DestinationStream): DestinationStream {
  return { write: (line) => stream.write(printableJson(line)) };
}

/** systemd says in it which device and inode the journal is; a pipe behind us is another (systemd.exec(5)). */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(STDERR);
  return stream === `${dev}:${ino}`;
}

/** The journal's priorities (sd-daemon(3)): without them `journalctl --priority warning` finds nothing. */
const PRIORITIES: Readonly<Record<string, number>> = { 20: 7, 30: 6, 40: 4, 50: 3 };

function withPriorities(plain: DestinationStream): DestinationStream {
  return {
    write(line) {
      const level = /^\{"level":(\d+)/.exec(line)?.[1] ?? '';
      plain.write(`<${PRIORITIES[level] ?? 6}>${line}`);
    },
  };
}
