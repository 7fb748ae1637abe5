// The environment that loads one of the files of this folder into a process of node's.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export function preload(
  name: 'kit-kill-points' | 'server-kill-points' | 'synchronous-normal' | 'fast-clock' | 'just-booted',
): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, `${name}.mjs`)).href}` };
}

/** Kills the process the n-th time that it comes to the point. */
export function dieAt(role: 'kit' | 'server', point: string, nth: number): NodeJS.ProcessEnv {
  return { ...preload(`${role}-kill-points`), FAULT_POINT: point, FAULT_NTH: String(nth) };
}
