// Just enough of Docker Compose to read our own file: its variables, its environment file and its schema.
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');

/** `NAME=value` on lines of their own. */
export function readEnv(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

/**
 * Every text in it with `${NAME}`, `${NAME-default}`, `${NAME:-default}` and `${NAME:?message}` replaced, and `$$` made `$`.
 *
 * @throws Error of a name that has to be set, with its message.
 */
export function interpolate(part: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof part === 'string') return replaced(part, env);
  if (Array.isArray(part)) return part.map((one) => interpolate(one, env));
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, interpolate(value, env)]));
}

function replaced(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\{([A-Z_]+)(?:(:?)([-?])([^}]*))?\}/g, (found, name: string, colon, how, rest = '') => {
    if (found === '$$') return '$';
    const value = env[name];
    const isSet = value !== undefined && (colon !== ':' || value !== '');
    if (!isSet && how === '?') throw new Error(`${name} ${rest}`);
    return isSet ? value : how === '-' ? rest : (value ?? '');
  });
}
