// ini's door: a config.ini, read into sections, keys and values with the line of each.
//
// The package cuts a value at any # or ; (also in a password), turns true and null into something other than text,
// drops lines with certain characters, and knows no lines. So it is handed each line with its value as a JSON text,
// which it takes back apart unharmed.
import { readFileSync } from 'node:fs';
import { parse } from 'ini';
import { ConfigError, errorCode, toError } from '../base/errors.js';
import { isObject } from '../base/json.js';
import type { Problems } from './problems.js';

export interface IniEntry {
  /** Upper case. */
  readonly section: string;
  /** Lower case. */
  readonly key: string;
  readonly text: string;
  readonly line: number;
}

export interface IniFile {
  /** DragonSync's own file: everything but our sections is its business. */
  readonly isDragonSyncs: boolean;
  readonly sections: readonly { readonly name: string; readonly line: number }[];
  /** In the order of the file, also those that are there twice; of the wanted sections only. */
  readonly entries: readonly IniEntry[];
}

export interface IniRules {
  /** The sections to read; the others are only named. */
  readonly sections: readonly string[];
  /** In these nothing is cut. */
  isSecret(section: string, key: string): boolean;
}

const DRAGONSYNC_SECTION = 'SETTINGS';
const HEADER = /^\[([^\]]*)\](?:\s*[#;].*)?$/;
const NAME = /^[a-z_][a-z0-9_]*$/;

/**
 * Reads a config.ini. What is wrong on a line goes into `problems`.
 *
 * @throws ConfigError `config` when there is no such file, or nothing that can be read as one.
 */
export function readIniFile(path: string, rules: IniRules, problems: Problems): IniFile {
  const lines = readText(path).split(/\r\n|\n|\r/);
  const sections: { name: string; line: number }[] = [];
  const raw: { section: string; key: string; value: string; line: number }[] = [];
  let section = '';
  for (const [i, line] of lines.entries()) {
    const text = line.trim();
    const where = `${path}:${i + 1}`;
    if (text === '' || text.startsWith('#') || text.startsWith(';')) continue;
    if (text.startsWith('[')) {
      section = HEADER.exec(text)?.[1]?.trim().toUpperCase() ?? '';
      if (section === '') problems.error(where, '', 'is not a section', '[NAME]');
      else sections.push({ name: section, line: i + 1 });
    } else if (sections.length === 0) {
      problems.error(where, '', 'stands before the first section', `[${rules.sections.join('], [')}] above it`);
    } else if (rules.sections.includes(section)) {
      const equals = text.indexOf('=');
      // What stands on such a line is not shown: it may be a password.
      if (equals < 1) problems.error(where, section, 'this line has no key and value', 'key = value');
      else raw.push({ section, ...splitLine(text, equals), line: i + 1 });
    }
  }
  const cut = raw.map((entry) => ({ ...entry, value: cutValue(entry, rules, path, problems) }));
  const isDragonSyncs = sections.some(({ name }) => name === DRAGONSYNC_SECTION);
  return { isDragonSyncs, sections, entries: readBack(cut) };
}

function splitLine(text: string, equals: number): { key: string; value: string } {
  return { key: text.slice(0, equals).trim().toLowerCase(), value: text.slice(equals + 1) };
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (thrown: unknown) {
    throw explainRead(path, thrown);
  }
}

function explainRead(path: string, cause: unknown): ConfigError {
  const [what, hint] = readFailure(path, cause);
  return new ConfigError(`${path}: ${what}`, { code: 'config', hint, cause });
}

function readFailure(path: string, cause: unknown): [what: string, hint: string] {
  switch (errorCode(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return ['there is no such file', `name another with --config, or make it: dragonsink config example > ${path}`];
    case 'EISDIR':
      return ['this is a folder', `name a file in it: --config ${path.replace(/\/+$/, '')}/config.ini`];
    case 'EACCES':
    case 'EPERM':
      return ['this user may not read it', `run this with sudo, or let this user's group read it: chmod 640 ${path}`];
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return ['this is not UTF-8 text', 'save it as UTF-8 (iconv -f LATIN1 -t UTF-8, or -f UTF-16 from Windows)'];
    default:
      return [`can't be read (${toError(cause).message})`, 'look at the disk it is on (dmesg)'];
  }
}

interface RawEntry {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** The value alone: quotes delimit it; else it ends where a comment begins, which in a secret none does. */
function cutValue({ section, key, value, line }: RawEntry, rules: IniRules, path: string, problems: Problems): string {
  const text = value.trim();
  if (!rules.isSecret(section, key)) {
    return /^(["'])(.*?)\1(?:\s+[#;].*)?$/.exec(text)?.[2] ?? value.replace(/\s[#;].*$/, '').trim();
  }
  const quoted = /^(["'])(.*)\1$/.exec(text)?.[2];
  if (quoted !== undefined) return quoted;
  if (/\s[#;]/.test(value)) {
    problems.warn(
      `${path}:${line}`,
      `${section}.${key}`,
      'all of the line is the value, also what looks like a comment; in quotes this is not warned about',
    );
  }
  return text;
}

/** Through the package: sections that are there twice become one there, and the last of two equal keys wins. */
function readBack(raw: readonly RawEntry[]): IniEntry[] {
  const lines = raw
    .filter(({ key }) => NAME.test(key))
    .map(({ section, key, value }) => {
      return `[${section}]\n${key} = ${asciiJson(value)}`;
    });
  const parsed: unknown = parse(lines.join('\n'));
  return raw.map(({ section, key, line }) => ({ section, key, line, text: lookUp(parsed, section, key) }));
}

function lookUp(parsed: unknown, section: string, key: string): string {
  const values = isObject(parsed) ? parsed[section] : undefined;
  const value = isObject(values) ? values[key] : undefined;
  // `true`, `false` and `null` come back as what they mean; it was the text that was written.
  return value === undefined ? '' : String(value);
}

/** The package ends a line at U+2028 too, and then drops it. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
