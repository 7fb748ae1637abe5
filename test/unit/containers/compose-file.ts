// Just enough of Docker Compose to read our own files: variables, the environment file, and compose.yaml as it is then.
import { equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parse } from 'yaml';
import { tempFolder } from '../../fixtures/temp-folder.js';

export const ROOT = join(import.meta.dirname, '../../..');

export type Env = Readonly<Record<string, string>>;

export interface Service {
  readonly profiles: readonly string[];
  readonly image: string;
  readonly build?: string;
  readonly entrypoint?: readonly string[];
  readonly environment: Env;
  readonly env_file?: unknown;
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
}

export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, { readonly name: string; readonly external: boolean }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

export const COMPOSE = readFileSync(join(ROOT, 'compose.yaml'), 'utf8');
export const ENV_EXAMPLE = readFileSync(join(ROOT, '.env.example'), 'utf8');

/** compose.yaml with that `.env`. */
export function loadCompose(env: Env): ComposeFile {
  return interpolate(parse(COMPOSE, { merge: true }), env) as ComposeFile;
}

/** `.env`, made by the command that .env.example names. */
export function makeEnv(t: TestContext): Record<string, string> {
  const folder = tempFolder(t);
  copyFileSync(join(ROOT, '.env.example'), join(folder, '.env.example'));
  const command = /^# {3}(\(umask.*>\.env\))$/m.exec(ENV_EXAMPLE)?.[1] ?? 'false';
  execFileSync('sh', ['-c', command], { cwd: folder });
  equal(statSync(join(folder, '.env')).mode & 0o777, 0o600);
  return readEnv(readFileSync(join(folder, '.env'), 'utf8'));
}

/** `NAME=value` on lines of their own. */
export function readEnv(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

/**
 * Every text in it with `${NAME}`, `${NAME-default}`, `${NAME:-default}` and `${NAME:?message}` replaced, and `$$` made `$`.
 *
 * @throws Error of a name that has to be set, with its message.
 */
export function interpolate(part: unknown, env: Env): unknown {
  if (typeof part === 'string') return replaced(part, env);
  if (Array.isArray(part)) return part.map((one) => interpolate(one, env));
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, interpolate(value, env)]));
}

function replaced(text: string, env: Env): string {
  return text.replace(/\$\$|\$\{([A-Z_]+)(?:(:?)([-?])([^}]*))?\}/g, (found, name: string, colon, how, rest = '') => {
    if (found === '$$') return '$';
    const value = env[name];
    const isSet = value !== undefined && (colon !== ':' || value !== '');
    if (!isSet && how === '?') throw new Error(`${name} ${rest}`);
    return isSet ? value : how === '-' ? rest : (value ?? '');
  });
}
