// A section on its way from texts to values: every value is checked by its own setting, then the rules that concern
// several look at it. What is wrong is noted, and the default stands in, so that the rest can be checked too.
import { dirname, resolve } from 'node:path';
import type { Problem, Problems } from './problems.js';
import { readSecretFile } from './secret-file.js';
import type { Section, Setting, Values } from './spec.js';

/** A text as it was written, and where. */
export interface Given {
  readonly text: string;
  readonly where: string;
}

export interface Surroundings {
  /** '' for the environment, whose variables have no section. */
  readonly section: string;
  /** Where what is missing is missing: the file, or `env`. */
  readonly place: string;
  /** Relative paths begin here. */
  readonly folder: string;
  readonly problems: Problems;
}

/** Where a value comes from when nobody has set it. */
export const DEFAULT = 'default';

export interface Loaded<T> {
  /** Frozen through and through. */
  readonly settings: T;
  readonly warnings: readonly Problem[];
  /** Where each value comes from, by `SECTION.key`: `default`, `file:line`, `env`, or the secret's file. */
  readonly origins: ReadonlyMap<string, string>;
}

export class Draft<S extends Section> {
  /** Keys whose value was wrong: rules leave them alone. */
  readonly failed = new Set<string>();
  private readonly raw: Record<string, unknown> = {};

  constructor(
    private readonly spec: S,
    private given: ReadonlyMap<string, Given>,
    private readonly around: Surroundings,
  ) {}

  /** Every text becomes a value; to be called once. */
  read(): this {
    this.given = this.withSecretFiles(this.given);
    const settings = Object.entries(this.spec);
    for (const [key, setting] of settings) this.raw[key] = this.valueOf(key, setting);
    // Afterwards, as a default may depend on what stands further down.
    for (const [key, setting] of settings) if (!this.isSet(key)) this.raw[key] = this.defaultOf(key, setting);
    return this;
  }

  get values(): Values<S> {
    return this.raw as Values<S>;
  }

  isSet(key: string): boolean {
    return this.given.has(key);
  }

  where(key: string): string {
    return this.given.get(key)?.where ?? this.around.place;
  }

  origins(): [string, string][] {
    return Object.keys(this.spec).map((key) => [this.fullKey(key), this.given.get(key)?.where ?? DEFAULT]);
  }

  fail(key: string, message: string, expected = ''): void {
    this.failed.add(key);
    this.around.problems.error(this.where(key), this.fullKey(key), message, expected);
  }

  warn(key: string, message: string): void {
    this.around.problems.warn(this.where(key), this.fullKey(key), message);
  }

  private fullKey(key: string): string {
    return this.around.section === '' ? key : `${this.around.section}.${key}`;
  }

  private withSecretFiles(given: ReadonlyMap<string, Given>): ReadonlyMap<string, Given> {
    const all = new Map(given);
    for (const [key, { secretFile }] of Object.entries(this.spec)) {
      const named = secretFile === undefined ? undefined : given.get(secretFile);
      if (secretFile === undefined || named === undefined || named.text === '') continue;
      if ((given.get(key)?.text ?? '') !== '') {
        this.fail(secretFile, `is set together with ${key}`, `one of the two (${key}: ${this.where(key)})`);
        continue;
      }
      const path = resolve(this.around.folder, named.text);
      const found = readSecretFile(path);
      if ('secret' in found) all.set(key, { text: found.secret, where: path });
      else this.fail(secretFile, found.wrong, found.expected);
    }
    return all;
  }

  private valueOf(key: string, setting: Setting<unknown>): unknown {
    const given = this.given.get(key);
    if (given === undefined) return setting.default;
    const parsed = setting.parse(given.text);
    if ('wrong' in parsed) {
      this.fail(key, parsed.wrong, setting.expected);
      return setting.default;
    }
    const { value } = parsed;
    return setting.isPath && value !== '' ? resolve(this.around.folder, String(value)) : value;
  }

  private defaultOf(key: string, { follows, derive }: Setting<unknown>): unknown {
    if (follows !== undefined) return this.raw[follows];
    return derive === undefined ? this.raw[key] : derive(this.raw);
  }
}

/** Where the folder of relative paths is, for a configuration in a file. */
export function folderOf(file: string): string {
  return dirname(resolve(file));
}

export function deepFreeze<T extends object>(value: T): Readonly<T> {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
