// Loaded into the server with --import: kills it at a named point of its work (FAULT_POINT, the FAULT_NTH time).
import Database from 'better-sqlite3';
import { MqttClient } from 'mqtt';
import pg from 'pg';
import { reached } from './die-at.mjs';

const INSERT = /^\s*INSERT INTO (drones|signals|system_health)/;
const BEGIN = /^\s*BEGIN/;
const COMMIT = /^\s*COMMIT/;
const ACK_TOPIC = /^wardragon\/sink\/[^/]+\/ack$/;

/** Whether the transaction that is open stores anything; of the servers' work only that counts. */
let stores = false;

function before(sql) {
  if (BEGIN.test(sql)) stores = false;
  if (COMMIT.test(sql) && stores) reached('before-commit');
}

function after(sql) {
  if (INSERT.test(sql)) {
    stores = true;
    reached('after-insert');
  }
  if (COMMIT.test(sql) && stores) reached('after-commit');
}

const Statement = Object.getPrototypeOf(new Database(':memory:').prepare('SELECT 1'));
const run = Statement.run;
Statement.run = function (...values) {
  const result = run.apply(this, values);
  after(this.source);
  return result;
};

const exec = Database.prototype.exec;
Database.prototype.exec = function (sql) {
  before(sql);
  const result = exec.call(this, sql);
  after(sql);
  return result;
};

const query = pg.Client.prototype.query;
pg.Client.prototype.query = function (first, ...rest) {
  const sql = typeof first === 'string' ? first : (first?.text ?? '');
  before(sql);
  const answer = query.call(this, first, ...rest);
  // It is on its way, and nobody knows whether it takes place.
  if (COMMIT.test(sql) && stores) setImmediate(() => reached('commit-sent'));
  answer?.then?.(
    () => after(sql),
    () => {},
  );
  return answer;
};

const send = MqttClient.prototype._sendPacket;
MqttClient.prototype._sendPacket = function (packet, ...rest) {
  if (packet.cmd === 'puback') reached('before-puback');
  const isAck = packet.cmd === 'publish' && ACK_TOPIC.test(packet.topic);
  if (isAck) reached('before-ack');
  const result = send.call(this, packet, ...rest);
  if (packet.cmd === 'puback') setImmediate(() => reached('after-puback'));
  if (isAck) setImmediate(() => reached('after-ack'));
  return result;
};
