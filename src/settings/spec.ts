// What is known of a setting, said once: its type, default, text, secrecy and limits. What is loaded, checked, shown,
// redacted and written into the example file all comes from here.
import { isIP } from 'node:net';
import { quote } from './problems.js';

export type Parsed<T> = { readonly value: T } | { readonly wrong: string };

export interface Setting<T> {
  /** One or two plain sentences, with the unit. */
  readonly doc: string;
  readonly default: T;
  /** What a right value looks like, for the message about a wrong one. */
  readonly expected: string;
  /** The limits or choices, for the example file; '' when there are none. */
  readonly limits: string;
  parse(text: string): Parsed<T>;
  /** A value to show where the default is empty. */
  readonly example?: string;
  /** `all`: never shown. `url`: shown without the password in it. */
  readonly secret?: 'all' | 'url';
  /** The setting that names a file with this secret in it. */
  readonly secretFile?: string;
  readonly aliases?: readonly string[];
  readonly required?: boolean;
  /** The setting of the same section whose value this one has unless it is set. */
  readonly follows?: string;
  /** The default where it depends on other settings of its section. */
  readonly derive?: (set: Readonly<Record<string, unknown>>) => T;
  /** A relative one begins at the folder of the configuration file. */
  readonly isPath?: boolean;
}

export type Section = Readonly<Record<string, Setting<unknown>>>;

/** What a section is once loaded. */
export type Values<S extends Section> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

type About<T> = Omit<Setting<T>, 'expected' | 'limits' | 'parse' | 'isPath'>;

const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** The words Python's configparser knows, as DragonSync's file is read by it. */
export function flag(about: About<boolean>): Setting<boolean> {
  const parse = (text: string): Parsed<boolean> => {
    const word = text.toLowerCase();
    const value = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    return value === undefined ? { wrong: notA(text, 'true or false') } : { value };
  };
  return { ...about, expected: 'true or false', limits: '', parse };
}

type Range = { readonly min: number; readonly max: number };

export function whole({ min, max, ...about }: About<number> & Range): Setting<number> {
  return numeric(about, { min, max }, /^[+-]?\d+$/, 'a whole number');
}

export function decimal({ min, max, ...about }: About<number> & Range): Setting<number> {
  return numeric(about, { min, max }, /^[+-]?(\d+\.?\d*|\.\d+)$/, 'a number');
}

function numeric(about: About<number>, { min, max }: Range, pattern: RegExp, what: string): Setting<number> {
  const parse = (text: string): Parsed<number> => {
    if (!pattern.test(text)) return { wrong: notA(text, what) };
    const value = Number(text);
    return value < min || value > max ? { wrong: `${quote(text)} is out of range` } : { value };
  };
  return { ...about, expected: `${what} from ${min} to ${max}`, limits: `From ${min} to ${max}.`, parse };
}

type Choices<T> = Omit<About<T>, 'default' | 'derive'> & {
  readonly choices: readonly T[];
  readonly default: NoInfer<T>;
};

export function choice<const T extends string | number>({ choices, ...about }: Choices<T>): Setting<T> {
  const names = choices.map(String);
  const parse = (text: string): Parsed<T> => {
    const value = choices.find((known) => String(known) === text.toLowerCase());
    return value === undefined ? { wrong: `${quote(text)} is not one of the choices` } : { value };
  };
  return { ...about, expected: names.join(' or '), limits: `One of: ${names.join(', ')}.`, parse };
}

type Texts = About<string> & {
  readonly expected?: string;
  /** The value as it is used, or what is wrong with it; never asked about an empty one. */
  readonly check?: (text: string) => Parsed<string>;
  readonly mayBeEmpty?: boolean;
};

export function text({ check, mayBeEmpty, expected = 'a text on one line', ...about }: Texts): Setting<string> {
  const parse = (raw: string): Parsed<string> => {
    if (raw === '') return about.default === '' || mayBeEmpty ? { value: '' } : { wrong: 'is empty' };
    if (CONTROL.test(raw)) return { wrong: 'holds a control character' };
    return check?.(raw) ?? { value: raw };
  };
  return { ...about, expected, limits: '', parse };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

export function path(about: About<string>): Setting<string> {
  const check = (raw: string): Parsed<string> =>
    raw.startsWith('~') ? { wrong: `${quote(raw)}: ~ has no meaning here` } : { value: raw };
  return { ...text({ ...about, expected: 'the whole path of a file', check }), isPath: true };
}

const HOST = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;

export function host(about: About<string>): Setting<string> {
  const check = (raw: string): Parsed<string> => {
    const bare = raw.replace(/^\[(.*)\]$/, '$1');
    return HOST.test(bare) || isIP(bare) !== 0 ? { value: bare } : { wrong: notA(raw, 'a host') };
  };
  return text({ ...about, expected: 'a host name or an address alone, without mqtt:// and without a port', check });
}

function notA(raw: string, what: string): string {
  return raw === '' ? 'is empty' : `${quote(raw)} is not ${what}`;
}
