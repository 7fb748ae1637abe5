// `dragonsink config`: checks, shows, or makes an example of what kit and server read.
import { ConfigError } from '../base/errors.js';
import { DEFAULT, type Loaded } from '../settings/draft.js';
import { kitExample, serverExample } from '../settings/example-file.js';
import { loadKitSettings } from '../settings/kit-settings.js';
import { KIT_SPEC } from '../settings/kit-spec.js';
import { describeWarning, type Problem } from '../settings/problems.js';
import { redact } from '../settings/redaction.js';
import { loadServerSettings } from '../settings/server-settings.js';
import { SERVER_SPEC } from '../settings/server-spec.js';
import type { Section } from '../settings/spec.js';
import { toJson } from './terminal.js';

interface Options {
  readonly config: string;
  readonly server?: boolean;
}

const EXIT_CONFIG = 78;

export function configCheck(options: Options): Promise<number> {
  return withSettings(options, (place) => `${place}: ok\n`);
}

export function configShow(options: Options & { readonly json?: boolean }): Promise<number> {
  return withSettings(options, (place, sections, warnings) =>
    options.json ? `${toJson(asJson(place, sections, warnings))}\n` : asText(sections),
  );
}

export async function configExample({ server }: { readonly server?: boolean }): Promise<number> {
  process.stdout.write(server ? serverExample() : kitExample());
  return 0;
}

interface Shown {
  readonly key: string;
  /** Secrets are hidden already. */
  readonly value: unknown;
  readonly from: string;
}

/** By section; the environment is the one without a name. */
type Sections = ReadonlyMap<string, readonly Shown[]>;
type Print = (place: string, sections: Sections, warnings: readonly Problem[]) => string;

async function withSettings({ config, server }: Options, print: Print): Promise<number> {
  try {
    const sections = new Map<string, readonly Shown[]>();
    const { warnings } = server ? readServer(sections) : readKit(config, sections);
    for (const warning of warnings) process.stderr.write(`${describeWarning(warning)}\n`);
    process.stdout.write(print(server ? 'environment' : config, sections, warnings));
    return 0;
  } catch (thrown: unknown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    if (thrown.hint !== undefined) process.stderr.write(`what to do: ${thrown.hint}\n`);
    return EXIT_CONFIG;
  }
}

function readKit(path: string, into: Map<string, readonly Shown[]>): Loaded<unknown> {
  const loaded = loadKitSettings(path);
  for (const [name, section] of Object.entries(KIT_SPEC)) {
    const values: Readonly<Record<string, unknown>> = loaded.settings[name as keyof typeof KIT_SPEC];
    into.set(
      name,
      shown(section, values, (key) => loaded.origins.get(`${name}.${key}`)),
    );
  }
  return loaded;
}

function readServer(into: Map<string, readonly Shown[]>): Loaded<unknown> {
  const loaded = loadServerSettings(process.env);
  into.set(
    '',
    shown(SERVER_SPEC, loaded.settings, (key) => loaded.origins.get(key)),
  );
  return loaded;
}

type Origin = (key: string) => string | undefined;

function shown(section: Section, values: Readonly<Record<string, unknown>>, origin: Origin): Shown[] {
  return Object.entries(section).map(([key, setting]) => ({
    key,
    value: redact(setting, values[key]),
    from: origin(key) ?? DEFAULT,
  }));
}

function asText(sections: Sections): string {
  const blocks = [...sections].map(([name, settings]) => {
    const left = settings.map(({ key, value }) => `${key} = ${String(value)}`.trimEnd());
    const width = Math.min(60, Math.max(...left.map((line) => line.length)));
    const lines = settings.map(({ from }, i) => `${(left[i] ?? '').padEnd(width)}  (${from})`);
    return [...(name === '' ? [] : [`[${name}]`]), ...lines, ''].join('\n');
  });
  return blocks.join('\n');
}

function asJson(place: string, sections: Sections, warnings: readonly Problem[]): unknown {
  const bySection = [...sections].map(([name, settings]): [string, object] => {
    return [name, Object.fromEntries(settings.map(({ key, value, from }) => [key, { value, from }]))];
  });
  const settings = sections.has('') ? bySection[0]?.[1] : Object.fromEntries(bySection);
  return { config: place, settings, warnings };
}
