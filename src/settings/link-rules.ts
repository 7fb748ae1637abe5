// Rules about the connection to the broker that hold for kit and server alike, whatever they call their settings.
import { isLoopback } from './hosts.js';
import { checkReadable, othersMayRead } from './secret-file.js';

/** What the rules need of a draft. */
export interface Reporter {
  readonly failed: ReadonlySet<string>;
  isSet(key: string): boolean;
  fail(key: string, message: string, expected?: string): void;
  warn(key: string, message: string): void;
}

export interface TlsSettings {
  /** The key that switches TLS on, and whether it does. */
  readonly enabled: readonly [key: string, value: boolean];
  readonly ca: readonly [key: string, value: string];
  readonly cert: readonly [key: string, value: string];
  readonly key: readonly [key: string, value: string];
}

export function checkTls(draft: Reporter, { enabled: [enabledKey, enabled], ca, cert, key }: TlsSettings): void {
  for (const [name, file] of [ca, cert, key]) {
    if (file === '') continue;
    if (!enabled && !draft.failed.has(enabledKey)) draft.warn(name, `has no effect without ${enabledKey} = true`);
    const problem = checkReadable(file);
    if (problem !== null) draft.fail(name, problem.wrong, problem.expected);
    else if (name === key[0] && othersMayRead(file))
      draft.warn(name, `${file} can be read by others: chmod 600 ${file}`);
  }
  const [one, other] = cert[1] === '' ? [key, cert] : [cert, key];
  if (one[1] !== '' && other[1] === '' && !draft.failed.has(other[0])) {
    draft.fail(one[0], `is set without ${other[0]}`, 'both or neither');
  }
}

/** Whether detections and the password would cross a network for everybody to read. */
export function isExposed(host: string, tls: boolean): boolean {
  return !tls && host !== '' && !isLoopback(host);
}
