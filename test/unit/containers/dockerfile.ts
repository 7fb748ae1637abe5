// Just enough of Docker to read our own Dockerfile.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './compose-file.js';

type Instruction = readonly [name: string, rest: string];

/** Without comments, with continued lines joined. */
function instructions(): Instruction[] {
  const lines = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line): Instruction => {
    const at = line.indexOf(' ');
    return [line.slice(0, at), line.slice(at + 1)];
  });
}

export const ALL = instructions();
const LAST_FROM = ALL.findLastIndex(([name]) => name === 'FROM');
/** The stage that compiles, and the one that is left. */
export const STAGES = { build: ALL.slice(0, LAST_FROM), final: ALL.slice(LAST_FROM) } as const;

export const of = (wanted: string, among: readonly Instruction[] = ALL): string[] =>
  among.filter(([name]) => name === wanted).map(([, rest]) => rest);

/** The command of its HEALTHCHECK. */
export function healthCheck(): string[] {
  const [rest = ''] = of('HEALTHCHECK');
  return JSON.parse(rest.slice(rest.indexOf('CMD ') + 4)) as string[];
}

/** What .dockerignore lets in, of all there is. */
export function allowed(): string[] {
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  return lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
}
