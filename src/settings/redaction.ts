// What of a setting may be shown.
import type { Setting } from './spec.js';

const HIDDEN = '********';

export function redact(setting: Setting<unknown>, value: unknown): unknown {
  if (setting.secret === undefined || value === '') return value;
  return setting.secret === 'all' ? HIDDEN : redactUrl(String(value));
}

/**
 * The same without the password. It goes by the last `@`, as a careless password may hold one too: rather a host too
 * little than a password too much.
 */
export function redactUrl(url: string): string {
  const inUser = url.replace(/^([^:]+:\/\/[^:@]*):.*@/s, `$1:${HIDDEN}@`);
  return inUser.replace(/([?&][^=&]*(?:password|secret|token)=)[^&]*/gi, `$1${HIDDEN}`);
}
