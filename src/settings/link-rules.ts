// Rules about the connection to the broker that hold for kit and server alike, whatever they call their settings.
import { isLoopback, isPrivate } from './hosts.js';
import { checkReadable, checkSecret } from './secret-file.js';

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
    const problem = checkReadable(file) ?? (name === key[0] ? checkSecret(file) : null);
    if (problem !== null) draft.fail(name, problem.wrong, problem.expected);
  }
  const [one, other] = cert[1] === '' ? [key, cert] : [cert, key];
  if (one[1] !== '' && other[1] === '' && !draft.failed.has(other[0])) {
    draft.fail(one[0], `is set without ${other[0]}`, 'both or neither');
  }
}

/** Who can read detections and the password on their way, and change them: nobody, those in a private network, or all. */
export function exposure(host: string, tls: boolean): 'nobody' | 'network' | 'all' {
  if (tls || host === '' || isLoopback(host)) return 'nobody';
  return isPrivate(host) ? 'network' : 'all';
}
