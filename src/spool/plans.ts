// Every statement of the spool. One table per class: what is evicted of one class then lies together, and its pages
// come back to the others; in one shared table an evicted class would leave holes that nothing fills.

/** In the file's header, so that another program's database is never taken for a spool: "dsnk". */
export const APPLICATION_ID = 0x64736e6b;
export const FORMAT_VERSION = 1;

export type RangeTableName = 'evicted' | 'handed_over';

const rangeTable = (name: RangeTableName): string => `
  CREATE TABLE IF NOT EXISTS ${name} (
    class INTEGER NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (class, epoch, first)
  ) STRICT, WITHOUT ROWID;`;

export const CREATE_SHARED = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS stream (
    epoch TEXT NOT NULL, class INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (epoch, class)
  ) STRICT, WITHOUT ROWID;
  ${rangeTable('evicted')}
  ${rangeTable('handed_over')}
  CREATE TABLE IF NOT EXISTS age (
    upto_id INTEGER PRIMARY KEY, running_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS counter (
    class INTEGER PRIMARY KEY, last_id INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, evicted INTEGER NOT NULL DEFAULT 0,
    evicted_handed_over INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS mark (
    class INTEGER NOT NULL, thing TEXT NOT NULL, mark TEXT NOT NULL, last_id INTEGER NOT NULL,
    PRIMARY KEY (class, thing)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY,
    class INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    accepted_ms INTEGER NOT NULL, body TEXT NOT NULL,
    reason TEXT NOT NULL, quarantined_ms INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS quarantine_identity ON quarantine (class, epoch, seq);
  CREATE INDEX IF NOT EXISTS quarantine_class ON quarantine (class);`;

/** Some pages of the file's own, so that on a full disk a kit that has a link can still pass on what it hears. */
export const MAKE_ROOM = `
  CREATE TABLE room (bytes BLOB);
  INSERT INTO room VALUES (zeroblob(262144));
  DROP TABLE room;`;

/** Those whose size does not follow the backlog's. */
export const SMALL_TABLES = ['meta', 'stream', 'evicted', 'handed_over', 'age', 'counter', 'mark'] as const;

export const createClass = (c: number): string => `
  CREATE TABLE IF NOT EXISTS message_${c} (
    id INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, accepted_ms INTEGER NOT NULL, body TEXT NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO counter (class) VALUES (${c});
  DROP INDEX IF EXISTS message_${c}_identity; -- of earlier versions, which make it again`;

export const GET_META = 'SELECT value FROM meta WHERE key = ?';
export const DELETE_META = 'DELETE FROM meta WHERE key = ?';
export const PUT_META = 'INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)';

export const FORGET_KIT = `
  DELETE FROM meta WHERE key = 'kit_id';
  DELETE FROM stream;
  DELETE FROM evicted;`;

export const insertMessage = (c: number): string =>
  `INSERT INTO message_${c} (id, epoch, seq, accepted_ms, body) VALUES (?, ?, ?, ?, ?)`;
export const deleteMessage = (c: number): string => `DELETE FROM message_${c} WHERE id = ?`;
export const hasMessage = (c: number): string => `SELECT 1 FROM message_${c} WHERE id = ?`;
export const acceptedAt = (c: number): string => `SELECT accepted_ms FROM message_${c} WHERE id = ?`;

/** The oldest rows of some classes, also those set aside: SQLite merges them in id order. */
export const oldestUpTo = (classes: readonly number[]): string => {
  const arms = classes.map(
    (c) => `
    SELECT id, ${c} AS class, epoch, seq, 0 AS aside FROM message_${c} WHERE id <= :upto
    UNION ALL
    SELECT id, class, epoch, seq, 1 AS aside FROM quarantine WHERE class = ${c} AND id <= :upto`,
  );
  return `${arms.join(' UNION ALL ')} ORDER BY id LIMIT :limit`;
};

export const rowsBetween = (c: number): string =>
  `SELECT id, epoch, seq FROM message_${c} WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?`;
export const deleteBetween = (c: number): string => `DELETE FROM message_${c} WHERE id BETWEEN ? AND ?`;
/** Without a condition SQLite lets go of the pages as they are; row by row it writes each of them to the WAL once more. */
export const deleteAll = (c: number): string => `DELETE FROM message_${c}`;

/** SQLite merges the classes in id order, reading no more of each than the limit needs. */
export const readMessages = (classes: readonly number[]): string =>
  `${classes
    .map(
      (c) =>
        `SELECT id, ${c} AS class, epoch, seq, accepted_ms AS acceptedAtMs, body
         FROM message_${c} WHERE id >= :from_${c} AND id <= :upto`,
    )
    .join(' UNION ALL ')} ORDER BY id LIMIT :limit`;
export const readMessage = (c: number): string => `
  SELECT id, ${c} AS class, epoch, seq, accepted_ms AS acceptedAtMs, body FROM message_${c} WHERE id = ?`;

/** Everything there is: what waits, what is handed over, what is set aside. */
export const readEverything = (classes: readonly number[]): string => {
  const arms = classes.map(
    (c) => `
    SELECT id, ${c} AS class, epoch, seq, accepted_ms AS acceptedAtMs, body, NULL AS reason,
      coalesce((
        SELECT h.last FROM handed_over AS h
        WHERE h.class = ${c} AND h.epoch = m.epoch AND h.first <= m.seq ORDER BY h.first DESC LIMIT 1
      ), 0) >= m.seq AS handedOver
    FROM message_${c} AS m WHERE id > :after AND id <= :upto`,
  );
  return `${arms.join(' UNION ALL ')} UNION ALL
    SELECT id, class, epoch, seq, accepted_ms AS acceptedAtMs, body, reason, 0 AS handedOver
    FROM quarantine WHERE id > :after AND id <= :upto
    ORDER BY id LIMIT :limit`;
};

export const firstFrom = (c: number): string =>
  `SELECT id, epoch, seq FROM message_${c} WHERE id >= ? ORDER BY id LIMIT 1`;
export const outerIds = (c: number): string =>
  `SELECT (SELECT min(id) FROM message_${c}) AS low, (SELECT max(id) FROM message_${c}) AS high`;

export const GET_MARK = 'SELECT mark FROM mark WHERE class = ? AND thing = ?';
export const PUT_MARK = `
  INSERT INTO mark (class, thing, mark, last_id) VALUES (?, ?, ?, ?)
  ON CONFLICT (class, thing) DO UPDATE SET mark = excluded.mark, last_id = excluded.last_id`;
export const COUNT_MARKS = 'SELECT count(*) FROM mark';
/** The lowest ids are the things that were quiet for longest. */
export const PRUNE_MARKS = `
  DELETE FROM mark WHERE last_id <= (SELECT last_id FROM mark ORDER BY last_id DESC LIMIT 1 OFFSET ?)`;

export const PUT_STREAM = 'INSERT OR REPLACE INTO stream (epoch, class, next) VALUES (?, ?, ?)';
export const ALL_STREAMS = 'SELECT epoch, class, next FROM stream ORDER BY epoch, class';

export const LAST_ID = 'SELECT coalesce(max(last_id), 0) FROM counter';
/** Of each class, with how many rows its table must have: counting them would read the whole backlog. */
export const ALL_COUNTERS = `
  SELECT class, accepted, delivered, evicted, evicted_handed_over AS evictedHandedOver,
    accepted - delivered - evicted - evicted_handed_over
      - (SELECT count(*) FROM quarantine AS q WHERE q.class = counter.class) AS there
  FROM counter`;
// Left to itself, SQLite gives the ids of a drained table out again.
export const ADD_ACCEPTED = 'UPDATE counter SET accepted = accepted + ?, last_id = ? WHERE class = ?';
export const ADD_DELIVERED = 'UPDATE counter SET delivered = delivered + ? WHERE class = ?';
export const ADD_EVICTED = `
  UPDATE counter SET evicted = evicted + ?, evicted_handed_over = evicted_handed_over + ? WHERE class = ?`;

// The first mark at an id stands: what was there then is that old.
export const PUT_AGE = 'INSERT OR IGNORE INTO age (upto_id, running_ms) VALUES (?, ?)';
/** The highest id that was there so long ago. */
export const AGED = 'SELECT max(upto_id) FROM age WHERE running_ms <= ?';
export const FORGET_AGES = 'DELETE FROM age WHERE upto_id <= ?';

/** The ranges that reach into :from..:upto. */
export const rangesTouching = (table: RangeTableName): string => `
  SELECT first, last FROM ${table} WHERE class = :class AND epoch = :epoch AND last >= :from
    AND first BETWEEN coalesce(
      (SELECT max(first) FROM ${table} WHERE class = :class AND epoch = :epoch AND first <= :from), :from) AND :upto`;
/** The one that a seq may lie in. */
export const rangeAt = (table: RangeTableName): string =>
  `SELECT last FROM ${table} WHERE class = ? AND epoch = ? AND first <= ? ORDER BY first DESC LIMIT 1`;
export const rangeAfter = (table: RangeTableName): string =>
  `SELECT epoch, first FROM ${table} WHERE class = ? AND (epoch, first) > (?, ?) ORDER BY epoch, first LIMIT 1`;
export const oldestRange = (table: RangeTableName): string =>
  `SELECT epoch, first, last FROM ${table} WHERE class = ? ORDER BY epoch, first LIMIT 1`;
export const allRanges = (table: RangeTableName): string =>
  `SELECT class, epoch, first, last FROM ${table} ORDER BY class, epoch, first`;
export const anyRange = (table: RangeTableName): string => `SELECT 1 FROM ${table} LIMIT 1`;
export const sizeOfRanges = (table: RangeTableName): string =>
  `SELECT coalesce(sum(last - first + 1), 0) FROM ${table} WHERE class = ?`;
export const putRange = (table: RangeTableName): string =>
  `INSERT INTO ${table} (class, epoch, first, last) VALUES (?, ?, ?, ?)`;
export const dropRange = (table: RangeTableName): string =>
  `DELETE FROM ${table} WHERE class = ? AND epoch = ? AND first = ?`;
export const clearRanges = (table: RangeTableName): string => `DELETE FROM ${table}`;

export const moveToQuarantine = (c: number): string => `
  INSERT INTO quarantine (id, class, epoch, seq, accepted_ms, body, reason, quarantined_ms)
  SELECT id, ${c}, epoch, seq, accepted_ms, body, ?, ? FROM message_${c} WHERE id = ?`;
const QUARANTINED_COLUMNS = `
  SELECT id, class, epoch, seq, accepted_ms AS acceptedAtMs, body, reason, quarantined_ms AS quarantinedAtMs
  FROM quarantine`;
export const READ_QUARANTINED = `${QUARANTINED_COLUMNS} WHERE id > ? ORDER BY id LIMIT ?`;
export const PLACE_QUARANTINED = 'SELECT id, class, epoch, seq FROM quarantine WHERE id = ?';
export const putBack = (c: number): string => `
  INSERT INTO message_${c} (id, epoch, seq, accepted_ms, body)
  SELECT id, epoch, seq, accepted_ms, body FROM quarantine WHERE id = ?`;
export const DELETE_QUARANTINED = 'DELETE FROM quarantine WHERE id = ?';
export const RELEASE_QUARANTINED = `
  DELETE FROM quarantine WHERE id IN (
    SELECT id FROM quarantine WHERE class = ? AND epoch = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?)
  RETURNING id`;
export const QUARANTINED_RANGES = `
  SELECT class, epoch, min(seq) AS first, max(seq) AS last FROM (
    SELECT class, epoch, seq, seq - row_number() OVER (PARTITION BY class, epoch ORDER BY seq) AS run FROM quarantine
  ) GROUP BY class, epoch, run ORDER BY class, epoch, first`;
export const COUNT_QUARANTINED = 'SELECT count(*) FROM quarantine';

/** A few rows of a table read whole, as damage shows only where one looks. */
export const touchRows = (table: string): string => `
  SELECT max(id) AS lastId, sum(length(body)) AS bytes
  FROM (SELECT id, body FROM ${table} NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?)`;
