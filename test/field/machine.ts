// A Debian of its own: a root made by debootstrap, booted with systemd as PID 1 and without a network.
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sleep } from '../../src/base/backoff.js';
import type { Ended } from '../fixtures/run-command.js';

const SUITE = 'bookworm';
/** The broker stands on the machine: it has no network to another one. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'mosquitto', 'openssl', 'procps'];
const BOOT_MS = 60_000;

export class Machine {
  readonly root: string;
  private container: ChildProcess | null = null;
  private init = 0;

  private constructor(private readonly folder: string) {
    this.root = join(folder, 'root');
  }

  /** Takes a minute: everything is downloaded and unpacked. */
  static make(): Machine {
    const machine = new Machine(mkdtempSync(join(tmpdir(), 'dragonsink-field-')));
    const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, machine.root];
    const made = spawnSync('debootstrap', args, { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`debootstrap: ${made.stdout}${made.stderr}`);
    return machine;
  }

  /** `shared` is there, read-only, as /src. */
  async boot(shared: string): Promise<void> {
    const options = ['--quiet', '-D', this.root, '--register=no', '--keep-unit', '--private-network', '--console=pipe'];
    // A test that dies, however, must not leave a machine behind.
    const nspawn = ['--pdeathsig', 'KILL', 'systemd-nspawn', ...options, `--bind-ro=${shared}:/src`, '--boot'];
    const container = spawn('setpriv', nspawn, { stdio: 'ignore' });
    this.container = container;
    const until = Date.now() + BOOT_MS;
    while (Date.now() < until) {
      await sleep(200);
      this.init = childOf(container.pid ?? 0);
      if (this.init === 0) continue;
      const { out } = await this.run('systemctl', 'is-system-running');
      if (['running', 'degraded'].includes(out.trim())) return;
    }
    throw new Error('the machine did not boot');
  }

  /** Runs a command on it, with the environment of a login. */
  run(command: string, ...args: string[]): Promise<Ended> {
    const inside = [
      '--target',
      String(this.init),
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '--cgroup',
      '--root',
      '--wd',
    ];
    const env = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LANG: 'C.UTF-8',
    };
    return new Promise((resolve) => {
      execFile('nsenter', [...inside, command, ...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
      });
    });
  }

  /** One that has to succeed; resolves to what it printed. */
  async ok(command: string, ...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(command, ...args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${out}${err}`);
    return out.trim();
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
  }

  copyIn(from: string, to: string): void {
    cpSync(from, join(this.root, to), { recursive: true });
  }

  async end(): Promise<void> {
    const { container } = this;
    if (container !== null && container.exitCode === null) {
      const gone = new Promise((resolve) => container.once('exit', resolve));
      container.kill('SIGTERM'); // nspawn asks it to power off
      const stuck = setTimeout(() => container.kill('SIGKILL'), 20_000);
      await gone;
      clearTimeout(stuck);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The first process that nspawn started: PID 1 in there. 0 when it is not there yet. */
function childOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0] ?? 0);
  } catch {
    return 0;
  }
}
