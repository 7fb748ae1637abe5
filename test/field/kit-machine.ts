// A machine with DragonSync on it as WarDragon Analytics' guide has it, and with bundles: this version's, a newer one, and one
// that does not start.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from '../../src/base/version.js';
import { otherVersion, ROOT, unpack } from './bundles.js';
import type { Machine } from './machine.js';

export const KIT = 'dragonsink-kit.service';
export const SERVER = 'dragonsink-server.service';
/** A service, and its timer. */
export const RENEW = 'dragonsink-renew';
export const BUNDLE = `/root/dragonsink-${VERSION}-linux-x64`;
export const DRAGONSYNC = '/home/dragon/WarDragon/DragonSync';

export const CONFIG = `[SETTINGS]
api_enabled = true
api_port = 8099 # not the usual one
[MQTT]
mqtt_host = 127.0.0.1
mqtt_username = kit
mqtt_password_file = certs/secret
mqtt_delivery = broker
`;

const DRAGONSYNC_UNIT = `[Service]
WorkingDirectory=${DRAGONSYNC}
ExecStart=${BUNDLE}/bin/node /src/dist/main.js simulate dragonsync --port 8099 --drones 3
[Install]
WantedBy=multi-user.target
`;

/** So that nobody waits a minute for the watchdog, and the kit can be made to hang. */
const FIELD = `[Service]
WatchdogSec=12
RestartSec=1
Environment=NODE_OPTIONS=--import=/src/test/field/preload/hang.mjs
`;

/** The newer bundle is in /root/next (98.0.0), the broken one in /root/broken (99.0.0). */
export async function bootWithDragonSync(machine: Machine): Promise<void> {
  const bundle = unpack('x64', join(machine.root, 'root'));
  const broken = {
    'dist/cli/kit.js': "export async function kitCommand() { throw new Error('broken as intended'); }\n",
  };
  const template = readFileSync(join(ROOT, 'config/config.ini'), 'utf8');
  otherVersion(bundle, join(machine.root, 'root/next'), '98.0.0', { 'config/config.ini': `${template}\n# more\n` });
  otherVersion(bundle, join(machine.root, 'root/broken'), '99.0.0', broken);
  // As the guide has it: its [MQTT] section, which DragonSync does not read, with a file beside it.
  machine.write(`${DRAGONSYNC}/config.ini`, CONFIG);
  machine.write(`${DRAGONSYNC}/dragonsync.py`, '');
  machine.write(`${DRAGONSYNC}/certs/secret`, 'a-password\n');
  machine.write('/etc/systemd/system/dragonsync.service', DRAGONSYNC_UNIT);
  machine.write(`/etc/systemd/system/${KIT}.d/field.conf`, FIELD);
  await machine.boot(ROOT);
  await machine.ok('systemctl', 'start', 'dragonsync');
}
