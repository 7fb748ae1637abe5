// Runs a program in this one's place: its output is ours, signals are its own, and so is the exit code.
import { spawn } from 'node:child_process';
import { isatty } from 'node:tty';

export function handOver(args, options = {}) {
  const child = spawn(process.execPath, args, { stdio: 'inherit', ...options });
  // Ctrl-C in a terminal reaches the program too, and of a second one it dies without cleaning up.
  const inTerminal = [0, 1, 2].some((fd) => isatty(fd));
  process.once('SIGINT', () => {
    if (!inTerminal) child.kill('SIGINT');
    process.on('SIGINT', () => {}); // the program decides when it is over
  });
  process.once('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
