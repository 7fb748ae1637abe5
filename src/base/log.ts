// pino's door: one line of JSON per event on standard error, so that standard output stays a command's own.
import { destination, type Logger as PinoLogger, pino } from 'pino';
import { printableJson } from './printable.js';

export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'> & {
  child(bindings: Record<string, unknown>): Logger;
};

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLogger(level: LogLevel): Logger {
  // Synchronous: the last lines before a crash are the ones that matter, and they are few.
  const stderr = destination({ fd: 2, sync: true });
  const stream = { write: (line: string) => stderr.write(printableJson(line)) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}
