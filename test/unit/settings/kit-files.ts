// Configuration files for the tests of settings, and what loading them comes to.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ConfigError } from '../../../src/base/errors.js';
import type { Loaded } from '../../../src/settings/draft.js';
import { type KitSettings, loadKitSettings } from '../../../src/settings/kit-settings.js';
import { loadServerSettings, type ServerSettings } from '../../../src/settings/server-settings.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

export function writeConfig(t: TestContext, content: string | Buffer, mode = 0o600): string {
  const path = join(tempFolder(t), 'config.ini');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** Loads a [MQTT] section with these lines; the host is there already, on line 2, and they begin on line 3. */
export function loadMqtt(t: TestContext, ...lines: string[]): Loaded<KitSettings> {
  return loadKitSettings(writeConfig(t, ['[MQTT]', 'mqtt_host = 127.0.0.1', ...lines, ''].join('\n')));
}

export function loadText(t: TestContext, content: string | Buffer): Loaded<KitSettings> {
  return loadKitSettings(writeConfig(t, content));
}

export function loadEnv(env: NodeJS.ProcessEnv): Loaded<ServerSettings> {
  return loadServerSettings(env);
}

/** The lines of the one error that loading throws, without the path of the file. */
export function errorsOf(load: () => unknown): string[] {
  try {
    load();
  } catch (thrown: unknown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return thrown.message.split('\n').map((line) => line.replace(/^\S*\/(?=config\.ini)/, ''));
  }
  throw new Error('nothing was thrown');
}

export function warningsOf({ warnings }: Loaded<unknown>): string[] {
  return warnings.map(({ where, key, message }) => `${where.replace(/^.*\//, '')} ${key}: ${message}`);
}
