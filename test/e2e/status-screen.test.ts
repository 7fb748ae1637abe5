// `dragonsink status` in a terminal of 80 x 24: on one screen, live with --watch, and the terminal is as it was afterwards.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { printable } from '../../src/base/printable.js';
import { widthOf } from '../../src/cli/terminal.js';
import { kitRows, kitSpool } from '../fixtures/kit-spool.js';
import { eventually, MAIN } from '../fixtures/processes.js';
import { dragonsink } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

interface Terminal {
  readonly child: ChildProcess;
  out(): string;
  type(keys: string): void;
  readonly ended: Promise<number | null>;
}

/** Of 80 x 24, by script(1); its settings are printed before the command and after it. */
function terminal(t: TestContext, command: string): Terminal {
  const line = `stty rows 24 cols 80; stty -a; ${command}; echo "rc $?"; stty -a`;
  const child = spawn('script', ['-qec', line, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  t.after(() => child.kill('SIGKILL'));
  return { child, out: () => out, type: (keys) => child.stdin.write(keys), ended };
}

function withBacklog(t: TestContext): string {
  const kit = kitSpool(tempFolder(t));
  const spool = kit.open();
  spool.setKitId(`wardragon-${'A'.repeat(54)}`);
  const [first] = spool.accept(kitRows('drone', 3));
  if (first !== undefined) spool.quarantine(first, `refused \u001b[31m`);
  spool.close();
  return kit.configFile;
}

/** What a screen shows after its last drawing: the lines between the last HOME and the end of the screen. */
function lastScreen(out: string): string[] {
  const from = out.slice(0, out.lastIndexOf('\u001b[J')).split('\u001b[H').at(-1) ?? '';
  return from.split(/\r+\n/).map((line) => line.replace('\u001b[K', ''));
}

describe('dragonsink status', () => {
  test('is one screen, and nothing on it acts on the terminal', async (t) => {
    const config = withBacklog(t);
    const { out } = await dragonsink('status', '--config', config);
    const lines = out.split('\n').slice(0, -1);
    assert.ok(lines.length < 24);
    for (const line of lines) {
      assert.ok(widthOf(line) <= 80, line);
      assert.equal(printable(line), line);
    }
    const list = await dragonsink('spool', 'list', '--config', config);
    assert.match(list.out, /refused \\u\{1b\}\[31m\n$/);
    const json = await dragonsink('spool', 'list', '--config', config, '--json');
    assert.ok(!json.out.includes('\u001b'));
  });

  for (const [name, keys] of [
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ] as const) {
    test(`--watch is drawn in place until ${name}, and leaves the terminal as it was`, async (t) => {
      const { out, type, ended } = terminal(t, `"${process.execPath}" "${MAIN}" status --watch --config "${withBacklog(t)}"`);
      await eventually('three drawings', () => out().split('\u001b[H').length > 3);
      const lines = lastScreen(out());
      assert.ok(lines.length <= 24, `${lines.length} lines`);
      for (const line of lines) {
        assert.ok(widthOf(line) <= 80, line);
        assert.equal(printable(line), line);
      }
      assert.match(lines.join('\n'), /^kit {8}wardragon-A+\ndragonsink not running\naccepted {3}3$/m);
      type(keys);
      assert.equal(await ended, 0);
      const [settings = '', rest = ''] = out().split(ENTER);
      const [, after = ''] = rest.split(LEAVE);
      assert.equal(after, `rc 0\r\n${settings}`, 'the settings of the terminal are those from before');
    }); // biome-ignore format: keys
  }

  test('--watch leaves the terminal as it was when it is told to stop', async (t) => {
    const command = `"${process.execPath}" "${MAIN}" status --watch --config "${withBacklog(t)}" & pid=$!; sleep 3; kill -TERM $pid; wait $pid`;
    const { out, ended } = terminal(t, command);
    assert.equal(await ended, 0);
    assert.match(out().replaceAll(LEAVE, 'LEAVE'), /LEAVErc 0\r\n/);
  });

  test('--watch goes on when there is no spool yet, and says so', async (t) => {
    const folder = tempFolder(t);
    const config = join(folder, 'config.ini');
    writeFileSync(
      config,
      `[MQTT]\nmqtt_host = 127.0.0.1\n[SPOOL]\npath = ${join(folder, 'spool.db')}\n[KIT]\nstatus_port = 0\n`,
    );
    const { out, type, ended } = terminal(t, `"${process.execPath}" "${MAIN}" status --watch --config "${config}"`);
    await eventually('two drawings', () => out().split('\u001b[H').length > 2);
    assert.match(lastScreen(out()).join(' '), /there is no spool at/);
    type('q');
    assert.equal(await ended, 0);
  });

  test('--watch without a terminal, or with --json, is refused', async (t) => {
    const config = withBacklog(t);
    const piped = await dragonsink('status', '--watch', '--config', config);
    assert.deepEqual([piped.code, piped.out], [1, '']);
    assert.match(piped.err, /needs a terminal\nwhat to do: /);
    assert.equal((await dragonsink('status', '--watch', '--json', '--config', config)).code, 2);
  });
});
