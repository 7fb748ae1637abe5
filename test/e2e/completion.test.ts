// Shell completion, by a real bash.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { dragonsink } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const COMPLETE = `
eval "$SCRIPT"
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_dragonsink
printf '%s\\n' "\${COMPREPLY[@]}"
`;

describe('completion in bash', () => {
  let script = '';
  before(async () => {
    script = (await dragonsink('completion', 'bash')).out;
  });

  /** What the last word may become. */
  function complete(words: readonly string[], cwd?: string): string[] {
    const options = { env: { ...process.env, SCRIPT: script }, encoding: 'utf8', cwd } as const;
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['--norc', '-u', '-c', COMPLETE, 'bash', 'dragonsink', ...words],
      options,
    );
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    return stdout.split('\n').filter((line) => line !== '');
  }

  test('knows every command, and every subcommand', async () => {
    const { out } = await dragonsink('--help');
    const listed = [...out.matchAll(/^ {2}([a-z-]+)(?: \S+)* {2}/gm)]
      .map(([, name]) => name ?? '')
      .filter((name) => name !== 'help');
    assert.ok(listed.length > 12, out);
    const offered = complete(['']);
    assert.deepEqual(listed.filter((name) => !offered.includes(name)), []); // biome-ignore format: short
    assert.deepEqual(complete(['spool', 're']).sort(), ['rebind', 'retry']);
    assert.deepEqual(complete(['config', 'sh']), ['show']);
  });

  test('knows the options of the command it is in, also behind others with values', () => {
    assert.deepEqual(complete(['st']), ['status']);
    assert.deepEqual(complete(['status', '--']).sort(), ['--config', '--help', '--json', '--watch']);
    assert.deepEqual(complete(['status', '--config', 'kits', '--w']), ['--watch']);
    assert.deepEqual(complete(['kits', 'add', '--n']), ['--name']);
    assert.deepEqual(complete(['spool', '--w']), []);
  });

  test('knows what an option may be, and which ones are files', (t) => {
    assert.deepEqual(complete(['watch', '--kind', '']), ['drone', 'aircraft', 'signal', 'system']);
    assert.deepEqual(complete(['completion', '']).slice(0, 3), ['bash', 'zsh', 'fish']);
    const folder = tempFolder(t);
    writeFileSync(join(folder, 'config.ini'), '');
    mkdirSync(join(folder, 'a folder'));
    assert.deepEqual(complete(['status', '--config', 'c'], folder), ['config.ini']);
    assert.deepEqual(complete(['ingest-file', 'c'], folder), ['config.ini']);
    assert.deepEqual(complete(['rejects', 'list', '--kit', 'c'], folder), []);
  });

  test('works at a prompt, with the tab key', () => {
    const typed = 'eval "$SCRIPT"\ndragonsink stat\t--js\t; exit\n';
    const env = { ...process.env, SCRIPT: script, PS1: '$ ', TERM: 'dumb', INPUTRC: '/dev/null' };
    const stub = `dragonsink() { echo "got:$*"; }; export -f dragonsink; exec bash --norc -i`;
    const out = execFileSync('script', ['-qec', `bash -c '${stub}'`, '/dev/null'], {
      env,
      input: typed,
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.match(out, /^got:status --json\r$/m);
  });
});

test('zsh and fish get their own, and other shells are refused', async () => {
  const zsh = await dragonsink('completion', 'zsh');
  assert.match(zsh.out, /^#compdef dragonsink\n.*bashcompinit/);
  const fish = await dragonsink('completion', 'fish');
  assert.match(fish.out, /^complete -c dragonsink -f -n '__fish_use_subcommand' -a 'status' -d 'the kit'\\''s state/m);
  assert.match(fish.out, /^complete -c dragonsink -l watch -f -n '__fish_seen_subcommand_from status'/m);
  assert.match(
    fish.out,
    /^complete -c dragonsink -s c -l config -r -F -n '__fish_seen_subcommand_from spool; and __fish_seen_subcommand_from list'/m,
  );
  assert.equal((await dragonsink('completion', 'csh')).code, 2);
});
