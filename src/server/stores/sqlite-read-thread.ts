// The thread in which SQLite is read: statements in, rows out (sqlite-reader.ts).
import { parentPort, workerData } from 'node:worker_threads';
import { toError } from '../../base/errors.js';
import { readSqlite, type Statement } from '../../base/sqlite.js';
import type { Answer, Question } from './sqlite-reader.js';

const MAX_PREPARED = 100;
const db = readSqlite(String(workerData));
const prepared = new Map<string, Statement>();

function prepare(sql: string): Statement {
  const known = prepared.get(sql);
  if (known !== undefined) return known;
  if (prepared.size >= MAX_PREPARED) prepared.clear();
  const statement = db.prepare(sql);
  prepared.set(sql, statement);
  return statement;
}

function answer({ id, sql, values }: Question): Answer {
  try {
    // `$1` is a name to SQLite.
    const bound = Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
    return { id, rows: prepare(sql).all(bound) as object[] };
  } catch (thrown: unknown) {
    return { id, problem: toError(thrown).message };
  }
}

parentPort?.on('message', (question: Question) => parentPort?.postMessage(answer(question)));
