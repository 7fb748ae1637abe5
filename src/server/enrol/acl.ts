// mosquitto's access rules for a fleet: what every kit may do (config/mosquitto/acl is this text), and what a reader or a
// server may do besides.
import type { MemberName } from './members.js';

/** `%u` is the kit: the user name in its certificate, or that it logs in with. No wildcard may be written to. */
const KIT_WRITES = [
  'wardragon/sink/%u/stream',
  'wardragon/sink/%u/status',
  'wardragon/service/%u/availability',
  'wardragon/system/%u/availability',
  'wardragon/system/%u/state',
] as const;
const KIT_READS = ['wardragon/sink/%u/ack', 'wardragon/ingest/+/hello'] as const;

/** What other programs read, for whoever wants it: on these topics everybody can claim to be any kit. */
const FOR_LOCAL_READERS = [
  'write wardragon/drone/+',
  'write wardragon/drones',
  'write wardragon/aircraft',
  'write wardragon/signals',
  'write wardragon/system/%u/attrs',
] as const;

/** What mqtt_ha_enabled takes besides the first of those: several kits announce the same drone, and look at each other. */
const FOR_HOME_ASSISTANT = [
  'readwrite wardragon/drone/+/availability',
  'readwrite homeassistant/sensor/+/config',
  'write homeassistant/device_tracker/+/config',
  'read homeassistant/status',
  'read wardragon/service/+/availability',
] as const;

const HEAD = `# Who may do what on a fleet's broker. \`dragonsink enrol\` puts readers and servers at the end.
#
# Every user is a kit unless named below, and has these topics alone. %u is its name.
`;

const OPTION = `
# For Home Assistant and other local readers: without the # a kit may write there too. The first is what a kit sends with
# mqtt_per_drone_enabled, the others what a stock DragonSync does. Everybody can claim to be any kit there, which the server
# believes of none that is enrolled; and below wardragon/drone/ it can leave as many retained messages as it likes.
`;

const HOME_ASSISTANT = `
# For its discovery (mqtt_ha_enabled) the first of those and these. Everybody can then announce anything to Home Assistant. Its
# own user needs: topic readwrite homeassistant/#
`;

/** The file as it begins. */
export function kitAcl(): string {
  const rules = [
    ...KIT_WRITES.map((topic) => `pattern write ${topic}`),
    ...KIT_READS.map((topic) => `pattern read ${topic}`),
  ];
  const option = (lines: readonly string[]): string => lines.map((line) => `#pattern ${line}\n`).join('');
  const options = `${OPTION}${option(FOR_LOCAL_READERS)}${HOME_ASSISTANT}${option(FOR_HOME_ASSISTANT)}`;
  return `${HEAD}${rules.join('\n')}\n${options}`;
}

/** The rules of a reader or a server. Patterns are for everybody, so what a kit may write has to be denied to a reader. */
export function memberAcl({ role, name, user }: MemberName): string {
  const rules =
    role === 'server'
      ? ['read wardragon/#', 'write wardragon/sink/+/ack', `write wardragon/ingest/${name}/hello`]
      : ['read wardragon/#', ...KIT_WRITES.map((topic) => `deny ${topic.replace('%u', user)}`)];
  return `\nuser ${user}\n${rules.map((rule) => `topic ${rule}\n`).join('')}`;
}

/** The file without the rules of this user. */
export function withoutMember(acl: string, user: string): string {
  const begin = `\nuser ${user}\n`;
  const at = acl.indexOf(begin);
  if (at < 0) return acl;
  const end = acl.indexOf('\nuser ', at + begin.length);
  return acl.slice(0, at) + (end < 0 ? '' : acl.slice(end));
}
