// The backlog as the lines of a file: what waits, what is handed over and what is set aside, each as it would be sent.
import { SpoolError } from '../base/errors.js';
import { VERSION } from '../base/version.js';
import { EXPORT_VERSION, type ExportHeader, type ExportRow } from '../schema/export-file.js';
import type { ExportedRow, SpoolView } from '../spool/spool.js';
import { kindOf } from './classes.js';
import { clockOffsetsOf } from './clock.js';
import { type Outgoing, sealed } from './packets.js';

const PAGE_ROWS = 200;

/**
 * Some lines at a time: memory does not grow with the backlog. Beside a running kit it is what was there at the
 * beginning, without what is delivered meanwhile.
 *
 * @throws SpoolError `kit-id` when the kit does not know who it is: nobody could file the messages.
 */
export function* exportLines(view: SpoolView, nowMs: number): Generator<string, void, void> {
  const kitId = view.kitId();
  if (kitId === null) {
    throw new SpoolError('the kit id is not known yet', {
      code: 'kit-id',
      hint: 'set [KIT] kit_id and start dragonsink kit once, or let it find DragonSync',
    });
  }
  const header: ExportHeader = {
    dragonsink_export: EXPORT_VERSION,
    kit_id: kitId,
    version: VERSION,
    time: new Date(nowMs).toISOString(),
  };
  yield `${JSON.stringify(header)}\n`;
  const sender = { kitId, clockOffsetOf: clockOffsetsOf(view) };
  const uptoId = view.lastId();
  let messages = 0;
  for (let afterId = 0; ; ) {
    const rows = view.readEverything(afterId, uptoId, PAGE_ROWS);
    const last = rows.at(-1);
    if (last === undefined) break;
    yield rows.map((row) => lineOf(row, sender)).join('');
    messages += rows.length;
    afterId = last.id;
  }
  yield `${JSON.stringify({ end: true, messages })}\n`;
}

/** The message goes in as text: thousands of them need not be parsed for that. */
function lineOf(row: ExportedRow, sender: Pick<Outgoing, 'kitId' | 'clockOffsetOf'>): string {
  const head: Omit<ExportRow, 'message'> = {
    kind: kindOf(row.class),
    state: row.reason !== null ? 'quarantined' : row.handedOver ? 'handed_over' : 'waiting',
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
  return `${JSON.stringify(head).slice(0, -1)},"message":${sealed(sender, { row, replay: true })}}\n`;
}
