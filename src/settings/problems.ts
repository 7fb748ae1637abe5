// What is wrong with a configuration: all of it is collected, and told together.
import { ConfigError } from '../base/errors.js';

export interface Problem {
  /** `file:line`, the file alone when nothing stands in it, or `env`. */
  readonly where: string;
  /** `MQTT.mqtt_port`; the name alone for a variable of the environment; '' when it is about the file. */
  readonly key: string;
  readonly message: string;
  /** What would be right; '' when the message says it all. */
  readonly expected: string;
}

export class Problems {
  readonly errors: Problem[] = [];
  readonly warnings: Problem[] = [];

  error(where: string, key: string, message: string, expected = ''): void {
    this.errors.push({ where, key, message, expected });
  }

  warn(where: string, key: string, message: string): void {
    this.warnings.push({ where, key, message, expected: '' });
  }

  /**
   * @throws ConfigError `config` with every error, one a line, in the order of the file; and every warning, as a key
   *   that nobody knows is often the reason for one that is missing.
   */
  throwErrors(hint: string): void {
    if (this.errors.length === 0) return;
    const lines = [
      ...this.errors.map((problem) => ({ line: lineOf(problem), text: describeProblem(problem) })),
      ...this.warnings.map((problem) => ({ line: lineOf(problem), text: describeWarning(problem) })),
    ].sort((a, b) => a.line - b.line);
    throw new ConfigError(lines.map(({ text }) => text).join('\n'), { code: 'config', hint });
  }
}

/** What stands on no line (something is missing) comes first. */
function lineOf({ where }: Problem): number {
  return Number(/:(\d+)$/.exec(where)?.[1] ?? 0);
}

export function describeProblem({ where, key, message, expected }: Problem): string {
  const place = key === '' ? where : `${where} ${key}`;
  return `${place}: ${message}${expected === '' ? '' : `, expected ${expected}`}`;
}

export function describeWarning(problem: Problem): string {
  return `warning: ${describeProblem(problem)}`;
}

const QUOTED_LENGTH = 60;

/** A wrong value as a message may show it: short, on one line, and never with what may be a password before an `@`. */
export function quote(text: string): string {
  if (text.includes('@')) return 'what is set (not shown, it may hold a password)';
  const short = text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}...` : text;
  return JSON.stringify(short);
}
