// The config.ini of a kit under test. Here, and nowhere else, is said which delivery is tested.
import { writeFileSync } from 'node:fs';

export const KIT_ID = 'wardragon-FAULT01';

/** 'database': only what the server has committed leaves the spool. */
export const DELIVERY: 'auto' | 'database' = 'database';

/** The least that is allowed: a dead link is noticed in one and a half of it. */
export const KEEPALIVE_S = 5;

export interface KitConfig {
  readonly file: string;
  readonly apiUrl: string;
  readonly brokerPort: number;
  readonly spoolFile: string;
  readonly statusPort: number;
  readonly pollS: number;
  readonly stateTopics: boolean;
  /** Further lines of the sections; they win. */
  readonly mqtt?: readonly string[];
  readonly spool?: readonly string[];
}

export function writeKitConfig(config: KitConfig): void {
  const mqtt = [
    'mqtt_host = 127.0.0.1',
    `mqtt_port = ${config.brokerPort}`,
    `mqtt_delivery = ${DELIVERY}`,
    `mqtt_keepalive = ${KEEPALIVE_S}`,
    `mqtt_per_drone_enabled = ${config.stateTopics}`,
  ];
  const spool = [`path = ${config.spoolFile}`, 'min_free_mb = 0'];
  const lines = [
    '[MQTT]',
    ...joined(mqtt, config.mqtt),
    '[DRAGONSYNC]',
    `api_url = ${config.apiUrl}`,
    `api_poll_s = ${config.pollS}`,
    '[SPOOL]',
    ...joined(spool, config.spool),
    '[KIT]',
    `kit_id = ${KIT_ID}`,
    `status_port = ${config.statusPort}`,
  ];
  writeFileSync(config.file, `${lines.join('\n')}\n`, { mode: 0o600 }); // there may be a password in it
}

function joined(lines: readonly string[], others: readonly string[] = []): string[] {
  const keyOf = (line: string): string => line.split('=', 1)[0]?.trim() ?? '';
  const taken = new Set(others.map(keyOf));
  return [...lines.filter((line) => !taken.has(keyOf(line))), ...others];
}
