// The server's settings: from the environment to one frozen object, or to everything that is wrong with it.
import { Draft, deepFreeze, type Given, type Loaded } from './draft.js';
import { isLoopback } from './hosts.js';
import { checkTls, exposure } from './link-rules.js';
import { nearestName } from './nearest-name.js';
import { Problems } from './problems.js';
import { SERVER_SPEC } from './server-spec.js';
import type { Section, Values } from './spec.js';
import { topicConflicts } from './topic-rules.js';

export type ServerSettings = Values<typeof SERVER_SPEC>;

const SPEC: Section = SERVER_SPEC;
const PLACE = 'env';
const TOPICS = ['MQTT_TOPIC_DRONES', 'MQTT_TOPIC_DRONE_PREFIX', 'MQTT_TOPIC_AIRCRAFT', 'MQTT_TOPIC_SIGNALS'] as const;

/** The environment is full of other programs' variables: only what is nearly one of ours is worth a word. */
const TYPO_DISTANCE = 2;

type ServerDraft = Draft<typeof SERVER_SPEC>;

/**
 * Reads the server's environment. An empty variable is as good as none, as compose files make them.
 *
 * @throws ConfigError `config` with everything that is wrong, one problem a line.
 */
export function loadServerSettings(env: NodeJS.ProcessEnv): Loaded<ServerSettings> {
  const problems = new Problems();
  const given = collect(env, problems);
  warnOfTypos(env, problems);
  const around = { section: '', place: PLACE, folder: process.cwd(), problems };
  const draft = new Draft(SERVER_SPEC, given, around).read();
  checkDatabases(draft);
  checkLogin(draft);
  checkTransport(draft);
  checkTopics(draft);
  checkWeb(draft);
  problems.throwErrors('correct this, then try again with: dragonsink config check --server');
  return { settings: deepFreeze(draft.values), warnings: problems.warnings, origins: new Map(draft.origins()) };
}

function collect(env: NodeJS.ProcessEnv, problems: Problems): Map<string, Given> {
  const given = new Map<string, Given>();
  for (const [name, { aliases, secret }] of Object.entries(SPEC)) {
    for (const key of [name, ...(aliases ?? [])]) {
      const raw = env[key] ?? '';
      const text = secret === undefined ? raw.trim() : raw;
      if (text === '') continue;
      const before = given.get(name);
      if (before !== undefined && before.text !== text) {
        problems.error(PLACE, key, `is set differently from ${name}, which is the same`, 'one of the two');
      }
      given.set(name, { text, where: PLACE });
    }
  }
  return given;
}

function warnOfTypos(env: NodeJS.ProcessEnv, problems: Problems): void {
  const known = new Set(Object.entries(SPEC).flatMap(([name, { aliases }]) => [name, ...(aliases ?? [])]));
  for (const name of Object.keys(env)) {
    if (!name.startsWith('MQTT_') || known.has(name)) continue;
    const near = nearestName(name, known, TYPO_DISTANCE);
    if (near !== null) problems.warn(PLACE, name, `Unknown variable ${name}: did you mean ${near}?`);
  }
}

function checkDatabases(draft: ServerDraft): void {
  const { DATABASE_URL, DATABASE_MAINTAIN_URL } = draft.values;
  if (DATABASE_MAINTAIN_URL !== '' && DATABASE_URL.startsWith('sqlite:') && !draft.failed.has('DATABASE_URL')) {
    draft.warn('DATABASE_MAINTAIN_URL', 'has no effect with SQLite (DATABASE_URL), which knows no roles');
  }
}

function checkLogin(draft: ServerDraft): void {
  const { MQTT_AUTH_ENABLED, MQTT_USERNAME, MQTT_PASSWORD, MQTT_VERSION, MQTT_SHARE_GROUP } = draft.values;
  if (MQTT_VERSION === '3.1.1') {
    draft.warn(
      'MQTT_VERSION',
      '3.1.1: the broker alone decides how long it keeps the session and how much it sends at once',
    );
  }
  if (MQTT_SHARE_GROUP !== '' && MQTT_VERSION !== '5') {
    draft.fail('MQTT_SHARE_GROUP', `needs MQTT 5, and MQTT_VERSION is ${MQTT_VERSION}`, 'MQTT_VERSION=5');
  }
  if (MQTT_AUTH_ENABLED) {
    if (MQTT_USERNAME === '') {
      draft.fail('MQTT_AUTH_ENABLED', 'is true without MQTT_USERNAME', 'a MQTT_USERNAME, or false');
    }
  } else if (draft.isSet('MQTT_AUTH_ENABLED') && MQTT_USERNAME !== '') {
    draft.warn('MQTT_USERNAME', 'has no effect with MQTT_AUTH_ENABLED=false');
  } else if (MQTT_PASSWORD !== '' && MQTT_USERNAME === '') {
    draft.warn('MQTT_PASSWORD', 'has no effect without MQTT_USERNAME');
  }
}

function checkTransport(draft: ServerDraft): void {
  const { MQTT_INGEST_ENABLED, MQTT_BROKER_HOST, MQTT_TLS_ENABLED, MQTT_TLS_PORT } = draft.values;
  const { MQTT_CA_FILE, MQTT_CERT_FILE, MQTT_KEY_FILE } = draft.values;
  checkTls(draft, {
    enabled: ['MQTT_TLS_ENABLED', MQTT_TLS_ENABLED],
    ca: ['MQTT_CA_FILE', MQTT_CA_FILE],
    cert: ['MQTT_CERT_FILE', MQTT_CERT_FILE],
    key: ['MQTT_KEY_FILE', MQTT_KEY_FILE],
  });
  if (MQTT_INGEST_ENABLED && exposure(MQTT_BROKER_HOST, MQTT_TLS_ENABLED) !== 'nobody') {
    draft.warn('MQTT_BROKER_HOST', `the way to ${MQTT_BROKER_HOST} is not encrypted: MQTT_TLS_ENABLED=true does that`);
  }
  if (MQTT_TLS_ENABLED && draft.isSet('MQTT_BROKER_PORT') && !draft.isSet('MQTT_TLS_PORT')) {
    draft.warn('MQTT_BROKER_PORT', `has no effect with TLS: MQTT_TLS_PORT (${MQTT_TLS_PORT}) is used`);
  }
}

function checkWeb(draft: ServerDraft): void {
  const { HTTP_HOST, HTTP_PORT, HTTP_TOKEN } = draft.values;
  if (HTTP_PORT === 0 || isLoopback(HTTP_HOST) || draft.failed.has('HTTP_HOST')) return;
  const isTokenGiven = HTTP_TOKEN !== '' || ['HTTP_TOKEN', 'HTTP_TOKEN_FILE'].some((key) => draft.failed.has(key));
  if (isTokenGiven) return;
  draft.fail(
    'HTTP_HOST',
    `${HTTP_HOST} is reached from other machines, and there is no token to log in with`,
    'HTTP_TOKEN_FILE beside it (openssl rand -hex 32 makes a token), or 127.0.0.1',
  );
}

function checkTopics(draft: ServerDraft): void {
  const sound = TOPICS.filter((key) => !draft.failed.has(key));
  const topics = Object.fromEntries(sound.map((key) => [key, draft.values[key]]));
  for (const { key, message, expected } of topicConflicts(topics, 'MQTT_TOPIC_DRONE_PREFIX')) {
    draft.fail(key, message, expected);
  }
}
