// Loaded into the kit with --import: kills it at a named point of its work (FAULT_POINT, the FAULT_NTH time).
import Database from 'better-sqlite3';
import { MqttClient } from 'mqtt';
import { reached } from './die-at.mjs';

const INSERT = /^\s*INSERT INTO message/;
const DELETE = /^\s*DELETE FROM message/;

/** What the transaction that is open has done. */
let did = { insert: false, delete: false };

const Statement = Object.getPrototypeOf(new Database(':memory:').prepare('SELECT 1'));
for (const verb of ['run', 'all', 'get']) {
  const original = Statement[verb];
  Statement[verb] = function (...values) {
    if (INSERT.test(this.source)) {
      if (!did.insert) reached('after-begin');
      did.insert = true;
    } else if (DELETE.test(this.source)) {
      if (!did.delete && !did.insert) reached('before-delete');
      did.delete = true;
    }
    return original.apply(this, values);
  };
}

const transaction = Database.prototype.transaction;
Database.prototype.transaction = function (work) {
  const inner = transaction.call(this, (...values) => {
    did = { insert: false, delete: false };
    const result = work(...values);
    if (did.insert) reached('before-commit');
    return result;
  });
  const committed = (result) => {
    if (did.insert) reached('after-commit');
    else if (did.delete) reached('after-delete');
    return result;
  };
  const outer = (...values) => committed(inner(...values));
  for (const kind of ['deferred', 'immediate', 'exclusive']) {
    outer[kind] = (...values) => committed(inner[kind](...values));
  }
  return outer;
};

const publish = MqttClient.prototype.publish;
MqttClient.prototype.publish = function (topic, ...rest) {
  const result = publish.call(this, topic, ...rest);
  // Once it is written to the socket, and before anything is read from it.
  if (/^wardragon\/(drones|signals|aircraft|sink\/[^/]+\/stream)/.test(topic))
    setImmediate(() => reached('after-publish'));
  return result;
};
