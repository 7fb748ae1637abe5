// The kit's settings: from config.ini to one frozen object, or to everything that is wrong with it.
import { Draft, deepFreeze, folderOf, type Given, type Loaded } from './draft.js';
import { type IniEntry, type IniFile, readIniFile } from './ini-file.js';
import { checkDragonSync, checkMqtt } from './kit-rules.js';
import { KIT_SPEC } from './kit-spec.js';
import { nearestName } from './nearest-name.js';
import { Problems } from './problems.js';
import { othersMayRead } from './secret-file.js';
import type { Section, Values } from './spec.js';

type Spec = typeof KIT_SPEC;
export type KitSettings = { readonly [S in keyof Spec]: Values<Spec[S]> };

const SECTIONS: Readonly<Record<string, Section>> = KIT_SPEC;

/**
 * Reads the kit's config.ini, or our sections in DragonSync's.
 *
 * @throws ConfigError `config` with everything that is wrong, one problem a line.
 */
export function loadKitSettings(path: string): Loaded<KitSettings> {
  const problems = new Problems();
  const isSecret = (section: string, key: string): boolean => settingOf(section, key)?.secret !== undefined;
  const ini = readIniFile(path, { sections: Object.keys(SECTIONS), isSecret }, problems);
  if (!ini.isDragonSyncs) warnOfSections(path, ini, problems);
  const given = sortEntries(path, ini, problems);
  const draft = <S extends Section>(section: string, spec: S): Draft<S> =>
    new Draft(spec, given.get(section) ?? new Map(), {
      section,
      place: path,
      folder: folderOf(path),
      problems,
    }).read();
  const drafts = {
    MQTT: draft('MQTT', KIT_SPEC.MQTT),
    DRAGONSYNC: draft('DRAGONSYNC', KIT_SPEC.DRAGONSYNC),
    SPOOL: draft('SPOOL', KIT_SPEC.SPOOL),
    KIT: draft('KIT', KIT_SPEC.KIT),
  };
  checkMqtt(drafts.MQTT, ini.isDragonSyncs);
  checkDragonSync(drafts.DRAGONSYNC, drafts.MQTT.values);
  problems.throwErrors(`correct this, then try again with: dragonsink config check --config ${path}`);
  const { MQTT, DRAGONSYNC, SPOOL, KIT } = drafts;
  const settings = { MQTT: MQTT.values, DRAGONSYNC: DRAGONSYNC.values, SPOOL: SPOOL.values, KIT: KIT.values };
  const origins = new Map(Object.values(drafts).flatMap((section) => section.origins()));
  return { settings: deepFreeze(settings), warnings: problems.warnings, origins };
}

/** The setting of this name or other name, if there is one. */
function settingOf(section: string, key: string) {
  const name = nameOf(section, key);
  return name === null ? undefined : SECTIONS[section]?.[name];
}

function nameOf(section: string, key: string): string | null {
  const settings = SECTIONS[section] ?? {};
  if (Object.hasOwn(settings, key)) return key;
  return Object.keys(settings).find((name) => settings[name]?.aliases?.includes(key)) ?? null;
}

function warnOfSections(path: string, { sections }: IniFile, problems: Problems): void {
  for (const { name, line } of sections) {
    if (Object.hasOwn(SECTIONS, name)) continue;
    const near = nearestName(name, Object.keys(SECTIONS));
    const advice =
      near === null ? `it is not read; known are [${Object.keys(SECTIONS).join('], [')}]` : `did you mean [${near}]?`;
    problems.warn(`${path}:${line}`, '', `Unknown section [${name}]: ${advice}`);
  }
}

/** What is set for each key of each section; says what is there twice, unknown, or not to be there. */
function sortEntries(path: string, ini: IniFile, problems: Problems): Map<string, Map<string, Given>> {
  const sorted = new Map<string, Map<string, Given & { entry: IniEntry }>>();
  let holdsSecret = false;
  for (const entry of ini.entries) {
    const { section, key, text, line } = entry;
    const where = `${path}:${line}`;
    const name = nameOf(section, key);
    if (name === null) {
      problems.warn(where, `${section}.${key}`, `Unknown key ${key}${adviceOn(section, key)}`);
      continue;
    }
    const isSecret = settingOf(section, name)?.secret !== undefined && text !== '';
    holdsSecret ||= isSecret;
    if (isSecret && ini.isDragonSyncs) refuseSecret(where, section, name, problems);
    const given = sorted.get(section) ?? new Map<string, Given & { entry: IniEntry }>();
    const first = given.get(name)?.entry;
    if (first !== undefined && (first.key === key || first.text !== text)) {
      const also = first.key === key ? '' : ` as ${first.key}`;
      problems.error(where, `${section}.${key}`, `is already set on line ${first.line}${also}`, 'one of the two');
    }
    sorted.set(section, given.set(name, { text, where, entry }));
  }
  if (holdsSecret && !ini.isDragonSyncs && othersMayRead(path)) {
    problems.error(path, '', 'holds a password and can be read by others', `chmod 640 ${path}`);
  }
  return sorted;
}

function refuseSecret(where: string, section: string, key: string, problems: Problems): void {
  const file = settingOf(section, key)?.secretFile;
  const expected = `${file} = FILE in its place, or a config.ini of its own for dragonsink`;
  problems.error(where, `${section}.${key}`, "must not stand in DragonSync's config.ini, which git tracks", expected);
}

function adviceOn(section: string, key: string): string {
  const home = Object.keys(SECTIONS).find((other) => nameOf(other, key) !== null);
  if (home !== undefined) return `: it belongs into [${home}]`;
  const settings = SECTIONS[section] ?? {};
  const known = Object.entries(settings).flatMap(([name, { aliases }]) => [name, ...(aliases ?? [])]);
  const near = nearestName(key, known);
  return near === null ? ': it is not read' : `: did you mean ${near}?`;
}
