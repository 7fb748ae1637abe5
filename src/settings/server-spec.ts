// Every environment variable of the server: those of WarDragon Analytics' MQTT guide, and ours.
import { hostname } from 'node:os';
import { LOG_LEVELS } from '../base/log.js';
import { networksOf } from './hosts.js';
import { quote } from './problems.js';
import { choice, flag, host, type Parsed, path, text, whole } from './spec.js';
import { topic } from './topic-rules.js';

const POSTGRES_FORM = 'postgres://user:password@host:5432/name';
/** Shorter, somebody could try them all. */
const MIN_TOKEN = 16;
const DATABASE_FORM = `sqlite:/path/to/file or ${POSTGRES_FORM}`;

/** The names of the guide (WarDragonAnalytics docs/mqtt.md, .env). */
const GUIDE = {
  DATABASE_URL: text({
    default: 'sqlite:/var/lib/dragonsink/server.db',
    secret: 'url',
    secretFile: 'DATABASE_URL_FILE',
    expected: DATABASE_FORM,
    check: checkDatabaseUrl,
    doc: `The database: ${DATABASE_FORM}. Behind that, ?sslmode=verify-full&sslrootcert=FILE for TLS and statement_timeout=MILLISECONDS for each statement (30000).`,
  }),
  MQTT_INGEST_ENABLED: flag({ default: true, doc: 'Subscribe to the broker and store what comes.' }),
  MQTT_BROKER_HOST: host({ default: '127.0.0.1', doc: "The broker's host name or address." }),
  MQTT_BROKER_PORT: whole({ default: 1883, min: 1, max: 65_535, doc: "The broker's port without TLS." }),
  MQTT_AUTH_ENABLED: flag({
    default: false,
    derive: (set) => set['MQTT_USERNAME'] !== '',
    doc: 'Log in with MQTT_USERNAME and MQTT_PASSWORD. Unless it is set, true when there is a user name.',
  }),
  MQTT_USERNAME: text({ default: '', example: 'ingest', doc: 'The user name for the broker; empty for none.' }),
  MQTT_PASSWORD: text({
    default: '',
    secret: 'all',
    secretFile: 'MQTT_PASSWORD_FILE',
    doc: 'The password for the broker.',
  }),
  MQTT_TLS_ENABLED: flag({
    default: false,
    aliases: ['MQTT_USE_TLS'],
    doc: 'Encrypt the connection to the broker with TLS.',
  }),
  MQTT_TLS_PORT: whole({ default: 8883, min: 1, max: 65_535, doc: "The broker's port with TLS." }),
  MQTT_CA_FILE: path({
    default: '',
    example: '/etc/dragonsink/ca.crt',
    doc: "The CA certificate (PEM) that signed the broker's; empty for the well-known CAs.",
  }),
  MQTT_CERT_FILE: path({
    default: '',
    example: '/etc/dragonsink/server.crt',
    doc: 'The client certificate (PEM), for a broker that asks for one. Needs MQTT_KEY_FILE.',
  }),
  MQTT_KEY_FILE: path({
    default: '',
    example: '/etc/dragonsink/server.key',
    doc: 'The private key (PEM) of MQTT_CERT_FILE.',
  }),
  MQTT_TOPIC_DRONES: topic({ default: 'wardragon/drones', doc: 'The topic of all drone messages.' }),
  MQTT_TOPIC_DRONE_PREFIX: topic({
    default: 'wardragon/drone',
    trailingSlash: true,
    doc: "The beginning of the drones' own topics; a / at its end makes no difference.",
  }),
  MQTT_TOPIC_AIRCRAFT: topic({ default: 'wardragon/aircraft', doc: 'The topic of aircraft messages.' }),
  MQTT_TOPIC_SIGNALS: topic({ default: 'wardragon/signals', doc: 'The topic of signal messages.' }),
  MQTT_TOPIC_SYSTEM: topic({
    default: 'wardragon/system',
    trailingSlash: true,
    doc: "The beginning of the topics of the kits' health.",
  }),
} as const;

const OURS = {
  MQTT_VERSION: choice({
    choices: ['5', '3.1.1'],
    default: '5',
    doc: 'The MQTT version; 3.1.1 for a broker that knows no other.',
  }),
  MQTT_SHARE_GROUP: text({
    default: '',
    example: 'dragonsink',
    expected: '1 to 64 letters, digits, dots, dashes or underscores',
    check: (raw) => (ID.test(raw) ? { value: raw } : { wrong: `${quote(raw)} can't be the name of a group` }),
    doc: 'Several servers with this name and one database share the messages between them; empty for a server alone.',
  }),
  MQTT_PASSWORD_FILE: path({
    default: '',
    example: '/run/secrets/mqtt-password',
    doc: 'A file that holds the password instead of MQTT_PASSWORD. Others must not be able to read it (chmod 600).',
  }),
  DATABASE_URL_FILE: path({
    default: '',
    example: '/run/secrets/database-url',
    doc: 'A file that holds what DATABASE_URL would. Others must not be able to read it (chmod 600).',
  }),
  SERVER_ID: text({
    default: '',
    derive: hostAsId,
    example: 'server-1',
    expected: '1 to 64 letters, digits, dots, dashes or underscores',
    check: (raw) => (ID.test(raw) ? { value: raw } : { wrong: `${quote(raw)} can't be a server id` }),
    doc: "This server's name towards broker and kits, the same for ever. Unless set, the host name; in a container set it.",
  }),
  DATABASE_MAINTAIN_URL: text({
    default: '',
    secret: 'url',
    secretFile: 'DATABASE_MAINTAIN_URL_FILE',
    example: 'postgres://dragonsink_maintain:password@host:5432/name',
    expected: POSTGRES_FORM,
    check: checkPostgresUrl,
    doc: "The same PostgreSQL as its tables' owner, for migrations, retention and removal; empty for DATABASE_URL.",
  }),
  DATABASE_MAINTAIN_URL_FILE: path({
    default: '',
    example: '/run/secrets/database-maintain-url',
    doc: 'A file that holds what DATABASE_MAINTAIN_URL would. Others must not be able to read it (chmod 600).',
  }),
  HTTP_HOST: host({
    default: '127.0.0.1',
    doc: 'The address of the page and its API, /healthz, /readyz and /metrics. On any but a loopback address it takes HTTP_TOKEN_FILE, and whoever looks has to log in.',
  }),
  HTTP_PORT: whole({ default: 8095, min: 0, max: 65_535, doc: 'Its port; 0 for none.' }),
  HTTP_TOKEN: text({
    default: '',
    secret: 'all',
    secretFile: 'HTTP_TOKEN_FILE',
    expected: `${MIN_TOKEN} characters at least, without spaces`,
    check: checkToken,
    doc: 'The token that operators log in with; better in HTTP_TOKEN_FILE. Empty: on a loopback address everybody may look, and nobody change anything.',
  }),
  HTTP_TOKEN_FILE: path({
    default: '',
    example: '/run/secrets/http-token',
    doc: 'A file that holds the token (as of: openssl rand -hex 32). Others must not be able to read it (chmod 600).',
  }),
  HTTP_TRUSTED_PROXIES: text({
    default: '',
    example: '127.0.0.1, 10.0.0.0/8',
    expected: 'addresses or networks (10.0.0.0/8), with commas between them',
    check: (raw) => (networksOf(raw) === null ? { wrong: `${quote(raw)} is no list of networks` } : { value: raw }),
    doc: 'Reverse proxies whose X-Forwarded-For is believed, so that who guesses the token through one keeps nobody out but themselves. Empty: none; all who come through one count as one.',
  }),
  MAP_TILE_URL: text({
    default: '',
    example: 'https://tiles.example.org/{z}/{x}/{y}.png',
    expected: 'https://HOST/.../{z}/{x}/{y}...',
    check: checkTileUrl,
    doc: 'Tiles for the map, which each browser then asks for itself; empty for the coastline that is built in. Whoever serves them sees where you look.',
  }),
  MAP_TILE_ATTRIBUTION: text({
    default: '',
    example: '© OpenStreetMap contributors',
    doc: 'What the makers of those tiles want to be shown, as plain text.',
  }),
  FLEET_DIR: path({
    default: '/etc/dragonsink/fleet',
    doc: 'The folder in which `dragonsink enrol` keeps the fleet; it may be missing. The server reads in it which kits are enrolled.',
  }),
  LOG_LEVEL: choice({ choices: LOG_LEVELS, default: 'info', doc: 'How much is logged, to standard error.' }),
} as const;

export const SERVER_SPEC = { ...GUIDE, ...OURS } as const;

const ID = /^[A-Za-z0-9._-]{1,64}$/;

function hostAsId(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '_')
      .slice(0, 64) || 'server'
  );
}

/** Never says what was written. */
function checkToken(raw: string): Parsed<string> {
  if (raw.length < MIN_TOKEN) return { wrong: `is shorter than ${MIN_TOKEN} characters` };
  return /\s/.test(raw) ? { wrong: 'holds a space' } : { value: raw };
}

/** Its host goes into a header: plain characters alone. */
function checkTileUrl(raw: string): Parsed<string> {
  const fits = /^https?:\/\/[A-Za-z0-9._{}[\]:-]+\/[^\s"'<>;,]+$/.test(raw);
  return fits && ['{z}', '{x}', '{y}'].every((part) => raw.includes(part))
    ? { value: raw }
    : { wrong: 'names no tiles' };
}

/** Never says what was written: there is a password in it. */
function checkDatabaseUrl(raw: string): Parsed<string> {
  return raw.startsWith('sqlite:') ? checkSqliteUrl(raw) : checkPostgresUrl(raw);
}

function checkPostgresUrl(raw: string): Parsed<string> {
  if (!/^postgres(ql)?:\/\//.test(raw)) return { wrong: 'does not begin as it should' };
  // A password with / or # in it would still be a URL, of another database.
  const url = URL.canParse(raw) ? new URL(raw) : null;
  if (url === null || url.hash !== '' || url.pathname.includes('@')) {
    return { wrong: 'is not a URL; in the password / is written as %2F, # as %23, @ as %40' };
  }
  // What is left of postgres://user:$PASSWORD@... without its variable.
  if (/^\w+:\/\/[^/@]*:@/.test(raw)) return { wrong: 'has nothing where its password should be' };
  return { value: raw };
}

function checkSqliteUrl(raw: string): Parsed<string> {
  const file = raw.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
  if (file === '' || file.startsWith('//')) return { wrong: 'names no file' };
  return file.startsWith(':') ? { wrong: 'names memory, which forgets everything' } : { value: raw };
}
