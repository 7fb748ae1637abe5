// What every store must do, whatever its database: run by store-sqlite.test.ts, e2e/postgres-store.test.ts and
// e2e/timescale-store.test.ts.
import { suite } from 'node:test';
import { fieldCases } from './fields-cases.js';
import type { Build } from './store-harness.js';
import { kitCases } from './store-kit-cases.js';
import { ledgerCases } from './store-ledger-cases.js';
import { lifeCases, pruneCases } from './store-life-cases.js';
import { mergeCases } from './store-merge-cases.js';
import { receiverCases } from './store-receiver-cases.js';
import { registryCases } from './store-registry-cases.js';
import { rejectCases } from './store-reject-cases.js';
import { reportCases } from './store-report-cases.js';
import { rowCases } from './store-row-cases.js';
import { twinCases } from './store-twin-cases.js';

export function storeContract(name: string, build: Build, { inChunks } = { inChunks: false }): void {
  suite(`${name}: rows`, () => rowCases(build));
  suite(`${name}: fields`, () => fieldCases(build));
  suite(`${name}: the same observation again`, () => mergeCases(build));
  suite(`${name}: aircraft with and without a time`, () => twinCases(build));
  suite(`${name}: ledger and rejects`, () => ledgerCases(build));
  suite(`${name}: what was rejected`, () => rejectCases(build));
  suite(`${name}: what kits report`, () => reportCases(build));
  suite(`${name}: their radios`, () => receiverCases(build));
  suite(`${name}: kits`, () => kitCases(build));
  suite(`${name}: the registry of kits`, () => registryCases(build));
  suite(`${name}: several stores, and time`, () => lifeCases(build));
  if (!inChunks) suite(`${name}: retention`, () => pruneCases(build));
}
