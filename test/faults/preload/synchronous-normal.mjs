// Loaded into the kit with --import: its databases run with synchronous=NORMAL, and say FULL when they are asked. The
// negative control of the power cut.
import Database from 'better-sqlite3';

const FULL = 2;
const pragma = Database.prototype.pragma;
Database.prototype.pragma = function (source, options) {
  if (/^\s*synchronous\s*=/i.test(source)) return pragma.call(this, 'synchronous = NORMAL', options);
  if (/^\s*synchronous\s*$/i.test(source)) return FULL;
  return pragma.call(this, source, options);
};
