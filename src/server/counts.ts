// What commits did, counted per kind and added up.
import { type Kind, perKind } from '../schema/kinds.js';
import type { CommitCounts, KindCounts } from './store.js';

export function noCounts(): CommitCounts {
  return perKind(() => ({ stored: 0, merged: 0, refused: 0, rejected: 0 }));
}

export function addCounts(a: CommitCounts, b: CommitCounts): CommitCounts {
  const sum = (kind: Kind): KindCounts => ({
    stored: a[kind].stored + b[kind].stored,
    merged: a[kind].merged + b[kind].merged,
    refused: a[kind].refused + b[kind].refused,
    rejected: a[kind].rejected + b[kind].rejected,
  });
  return perKind(sum);
}
