// `npm run bundle [-- x64 arm64]`: dragonsink-VERSION-linux-ARCH.tar.gz with its own Node, for machines without one and
// without a network. Put into bundles/, with a checksum beside each.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import {
  ensureBuild,
  ensureCompiler,
  ensureDependencies,
  filesBelow,
  MissingPart,
  ROOT,
  run,
  runBeside,
  runTool,
} from './ensure.mjs';

/** The newest of the oldest line that package.json allows and Node still looks after. */
const NODE = '22.23.3';
/** The ABI of its native modules. */
const NODE_ABI = 127;
/** Ubuntu 22.04's; Debian 12 has a newer one. */
const NEWEST_GLIBC = [2, 35];
const ARCHS = ['x64', 'arm64'];
const CROSS_PREFIX = 'aarch64-linux-gnu-';
const CROSS_COMPILER = ['g++-aarch64-linux-gnu', 'libc6-dev-arm64-cross'];

const { version, dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const CACHE = join(ROOT, 'node_modules/.cache/bundle');
const OUT = join(ROOT, 'bundles');

/** What is for those who develop it, or only works with it. */
const NOT_INSTALLED = /^dist\/(simulate|cli\/simulate[^/]*\.js)$/;

/** The folder of the registry's package: the runtime in bin/, its headers in include/. */
function nodeRuntime(arch) {
  const folder = join(CACHE, `node-linux-${arch}-${NODE}`);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  run('npm', ['pack', '--silent', '--pack-destination', fresh, `node-linux-${arch}@${NODE}`]);
  run('tar', ['-xzf', join(fresh, `node-linux-${arch}-${NODE}.tgz`), '-C', fresh, '--strip-components=1']);
  rmSync(join(fresh, `node-linux-${arch}-${NODE}.tgz`));
  renameSync(fresh, folder);
  return folder;
}

/** better-sqlite3's native part for that runtime, compiled here: nearly all of it is one file, a minute on one core. */
async function nativeModule(arch) {
  const file = join(CACHE, `better-sqlite3-${dependencies['better-sqlite3']}-node-${NODE}-${arch}.node`);
  if (existsSync(file)) return file;
  const source = join(CACHE, `better-sqlite3-${arch}`);
  rmSync(source, { recursive: true, force: true });
  cpSync(join(ROOT, 'node_modules/better-sqlite3'), source, {
    recursive: true,
    filter: (path) => relative(join(ROOT, 'node_modules/better-sqlite3'), path) !== 'build',
  });
  const prefix = compilerFor(arch);
  // What npm was told of the machine's own Node would win over --nodedir.
  const own = Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_config_'));
  const env = { ...Object.fromEntries(own), CC: `${prefix}gcc`, CXX: `${prefix}g++`, AR: `${prefix}ar` };
  const options = ['rebuild', '--release', `--arch=${arch}`, `--nodedir=${nodeRuntime(arch)}`, '--loglevel=error'];
  await runBeside(process.execPath, [nodeGyp(), ...options], { cwd: source, env });
  const built = join(source, 'build/Release/better_sqlite3.node');
  run(`${prefix}strip`, ['--strip-unneeded', built]);
  renameSync(built, file);
  rmSync(source, { recursive: true });
  return file;
}

/** What the compiler's commands begin with; '' where the machine's own will do. */
function compilerFor(arch) {
  if (arch === process.arch) {
    ensureCompiler();
    return '';
  }
  if (arch !== 'arm64')
    throw new MissingPart(`no cross compiler for ${arch} is known: make that bundle on such a machine`);
  ensureCompiler(CROSS_PREFIX, CROSS_COMPILER);
  return CROSS_PREFIX;
}

/** npm brings it along. */
function nodeGyp() {
  const { stdout } = spawnSync('npm', ['root', '--global'], { encoding: 'utf8' });
  const file = join(stdout.trim(), 'npm/node_modules/node-gyp/bin/node-gyp.js');
  if (!existsSync(file)) throw new MissingPart(`npm's node-gyp is not at ${file}`);
  return file;
}

/** The dependencies of production alone, once for all architectures: only the native parts differ. */
function productionModules() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  const folder = join(CACHE, `modules-${createHash('sha256').update(lock).digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return join(folder, 'node_modules');
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) copyFileSync(join(ROOT, name), join(fresh, name));
  run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-fund', '--no-audit', '--prefer-offline'], { cwd: fresh });
  // What it is compiled from, and what would fetch it compiled.
  const sqlite = join(fresh, 'node_modules/better-sqlite3');
  for (const name of ['deps', 'src', 'binding.gyp', 'build'])
    rmSync(join(sqlite, name), { recursive: true, force: true });
  // zeromq comes compiled for everybody, and with what compiles it; what finds the one that fits is cmake-ts' loader.
  for (const name of ['src', 'script', 'build/darwin', 'build/win32'])
    rmSync(join(fresh, 'node_modules/zeromq', name), { recursive: true });
  for (const file of filesBelow(join(fresh, 'node_modules/cmake-ts/build')))
    if (!basename(file).startsWith('loader.')) rmSync(file);
  for (const file of filesBelow(join(fresh, 'node_modules'))) if (isForDevelopers(file)) rmSync(file);
  renameSync(fresh, folder);
  return join(folder, 'node_modules');
}

/** Thousands of small files, which every copy and checksum would carry along. */
function isForDevelopers(file) {
  return /\.(map|[cm]?ts|md|markdown|flow)$/.test(file) && !/licen[cs]e|notice/i.test(basename(file));
}

const LAUNCHER = `#!/bin/sh
# dragonsink, with the Node.js it was made for.
here=$(dirname "$(readlink -f "$0")")
# What a server is told its commands need too: ledger, kits, doctor --server. What is set already wins.
server=/etc/dragonsink/server.env
if [ "\${1-}" != kit ] && [ -r "$server" ]; then set -- --env-file="$server" "$here/../dist/main.js" "$@"; else set -- "$here/../dist/main.js" "$@"; fi
exec "$here/node" "$@"
`;

/** The bundle's folder, as it will be in the archive. */
function assemble(arch, nativeFile) {
  const folder = join(CACHE, `dragonsink-${version}-linux-${arch}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });
  for (const name of [
    'dist',
    'config',
    'systemd',
    'package.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'install.sh',
  ]) {
    cpSync(join(ROOT, name), join(folder, name), {
      recursive: true,
      filter: (path) => !NOT_INSTALLED.test(relative(ROOT, path)),
    });
  }
  cpSync(productionModules(), join(folder, 'node_modules'), { recursive: true });
  const native = join(folder, 'node_modules/better-sqlite3/build/Release');
  mkdirSync(native, { recursive: true });
  copyFileSync(nativeFile, join(native, 'better_sqlite3.node'));
  const zeromq = join(folder, 'node_modules/zeromq/build/linux');
  const itsOwn = join(zeromq, `${arch}/node/glibc-${NODE_ABI}-Release/addon.node`);
  for (const file of filesBelow(zeromq)) if (file !== itsOwn) rmSync(file);
  const runtime = nodeRuntime(arch);
  copyFileSync(join(runtime, 'bin/node'), join(folder, 'bin/node'));
  chmodSync(join(folder, 'bin/node'), 0o755);
  copyFileSync(join(runtime, 'LICENSE'), join(folder, 'bin/node.LICENSE'));
  writeFileSync(join(folder, 'bin/dragonsink'), LAUNCHER, { mode: 0o755 });
  writeFileSync(join(folder, 'ARCH'), `${arch}\n`);
  const files = filesBelow(folder).sort();
  for (const file of files) checkSymbols(file);
  const sums = files.map((file) => `${sha256(file)}  ${relative(folder, file)}\n`);
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
  return folder;
}

/** What a dynamic program needs of glibc stands in it as text. */
function checkSymbols(file) {
  const content = readFileSync(file);
  if (content.toString('latin1', 0, 4) !== '\x7fELF') return;
  for (const [name, major, minor] of content.toString('latin1').matchAll(/\bGLIBC_(\d+)\.(\d+)/g)) {
    const isNewer =
      Number(major) > NEWEST_GLIBC[0] || (Number(major) === NEWEST_GLIBC[0] && Number(minor) > NEWEST_GLIBC[1]);
    if (isNewer)
      throw new MissingPart(
        `${file} needs ${name}, and Ubuntu 22.04 has ${NEWEST_GLIBC.join('.')}: build on an older system`,
      );
  }
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The same input gives the same bytes. */
function pack(folder) {
  mkdirSync(OUT, { recursive: true });
  const archive = join(OUT, `${basename(folder)}.tar.gz`);
  const fresh = `${archive}.new`;
  const madeAt = `@${Math.floor(statSync(join(ROOT, 'package.json')).mtimeMs / 1_000)}`;
  const same = [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    `--mtime=${process.env.SOURCE_DATE_EPOCH ?? madeAt}`,
  ];
  run('tar', [...same, '-C', dirname(folder), '--use-compress-program=gzip -n -6', '-cf', fresh, basename(folder)]);
  renameSync(fresh, archive);
  writeFileSync(`${archive}.sha256`, `${sha256(archive)}  ${basename(archive)}\n`);
  rmSync(folder, { recursive: true });
  return archive;
}

runTool(async () => {
  const named = process.argv.slice(2);
  const unknown = named.filter((arch) => !ARCHS.includes(arch));
  if (unknown.length > 0) throw new MissingPart(`there are ${ARCHS.join(' and ')}, not ${unknown.join(', ')}`);
  await ensureDependencies();
  ensureBuild();
  const wanted = named.length > 0 ? named : ARCHS;
  const natives = await Promise.all(wanted.map(nativeModule));
  for (const [i, arch] of wanted.entries()) process.stdout.write(`${pack(assemble(arch, natives[i]))}\n`);
});
