// What a running kit answers to `dragonsink doctor`.
import { z } from 'zod';

export const doctorAnswer = z.looseObject({
  checks: z.array(
    z.object({
      check: z.string(),
      status: z.enum(['ok', 'warn', 'fail']),
      text: z.string(),
      fix: z.string().optional(),
    }),
  ),
});
