// Every statement of the spool. One table per class: what is evicted of one class then lies together, and its pages
// come back to the others; in one shared table an evicted class would leave holes that nothing fills.

export const FORMAT_VERSION = 1;

export const CREATE_SHARED = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS stream (
    epoch TEXT NOT NULL, class INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (epoch, class)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS evicted (
    epoch TEXT NOT NULL, class INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (epoch, class, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counter (
    class INTEGER PRIMARY KEY,
    accepted INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, evicted INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS mark (
    id INTEGER PRIMARY KEY,
    class INTEGER NOT NULL, thing TEXT NOT NULL, mark TEXT NOT NULL,
    UNIQUE (class, thing)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY,
    class INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    accepted_ms INTEGER NOT NULL, body TEXT NOT NULL,
    reason TEXT NOT NULL, quarantined_ms INTEGER NOT NULL
  ) STRICT;`;

export const createClass = (c: number): string => `
  CREATE TABLE IF NOT EXISTS message_${c} (
    id INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, accepted_ms INTEGER NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS message_${c}_identity ON message_${c} (epoch, seq);
  INSERT OR IGNORE INTO counter (class) VALUES (${c});`;

export const GET_META = 'SELECT value FROM meta WHERE key = ?';
export const PUT_META = 'INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)';

export const insertMessage = (c: number): string =>
  `INSERT INTO message_${c} (id, epoch, seq, accepted_ms, body) VALUES (?, ?, ?, ?, ?)`;
export const deleteMessage = (c: number): string => `DELETE FROM message_${c} WHERE id = ?`;
export const countMessages = (c: number): string => `SELECT count(*) FROM message_${c}`;
export const oldestMessage = (c: number): string => `SELECT accepted_ms FROM message_${c} ORDER BY id LIMIT 1`;
export const floorOf = (c: number): string => `SELECT min(seq) FROM message_${c} WHERE epoch = ?`;
export const oldestRows = (c: number): string =>
  `SELECT id, epoch, seq, length(body) AS bytes FROM message_${c} ORDER BY id LIMIT ?`;
export const deleteUpTo = (c: number): string => `DELETE FROM message_${c} WHERE id <= ?`;

/** SQLite merges the classes in id order, reading no more of each than the limit needs. */
export const readMessages = (classes: readonly number[]): string =>
  `${classes
    .map(
      (c) =>
        `SELECT id, ${c} AS class, epoch, seq, accepted_ms AS acceptedAtMs, body
         FROM message_${c} WHERE id > :after AND id <= :upto`,
    )
    .join(' UNION ALL ')} ORDER BY id LIMIT :limit`;

export const GET_MARK = 'SELECT mark FROM mark WHERE class = ? AND thing = ?';
// REPLACE gives the mark the highest id, so that the lowest ids are the things that were quiet for longest.
export const PUT_MARK = 'INSERT OR REPLACE INTO mark (class, thing, mark) VALUES (?, ?, ?)';
export const PRUNE_MARKS = 'DELETE FROM mark WHERE id <= (SELECT id FROM mark ORDER BY id DESC LIMIT 1 OFFSET ?)';

export const PUT_STREAM = 'INSERT OR REPLACE INTO stream (epoch, class, next) VALUES (?, ?, ?)';
export const ALL_STREAMS = 'SELECT epoch, class, next FROM stream ORDER BY epoch, class';

export const ALL_COUNTERS = 'SELECT class, accepted, delivered, evicted FROM counter';
export const ADD_ACCEPTED = 'UPDATE counter SET accepted = accepted + ? WHERE class = ?';
export const ADD_DELIVERED = 'UPDATE counter SET delivered = delivered + ? WHERE class = ?';
export const ADD_EVICTED = 'UPDATE counter SET evicted = evicted + ? WHERE class = ?';

export const PUT_EVICTED = 'INSERT OR REPLACE INTO evicted (epoch, class, first, last) VALUES (?, ?, ?, ?)';
export const CLEAR_EVICTED = 'DELETE FROM evicted WHERE epoch = ? AND class = ?';
export const EVICTED_OF = 'SELECT first, last FROM evicted WHERE epoch = ? AND class = ? ORDER BY first';

export const moveToQuarantine = (c: number): string => `
  INSERT INTO quarantine (id, class, epoch, seq, accepted_ms, body, reason, quarantined_ms)
  SELECT id, ${c}, epoch, seq, accepted_ms, body, ?, ? FROM message_${c} WHERE id = ?`;
export const ALL_QUARANTINED = `
  SELECT id, class, epoch, seq, accepted_ms AS acceptedAtMs, body, reason, quarantined_ms AS quarantinedAtMs
  FROM quarantine ORDER BY id`;
export const QUARANTINED_SEQS = 'SELECT seq FROM quarantine WHERE epoch = ? AND class = ? ORDER BY seq';
export const COUNT_QUARANTINED = 'SELECT count(*) FROM quarantine';
