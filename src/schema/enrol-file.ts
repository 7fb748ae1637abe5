// server -> kit, by hand: everything one kit, reader or server needs for the broker, in one file.
import { z } from 'zod';
import { isKitId } from './kit-id.js';

/** A reader's or a server's name. */
export const MEMBER_NAME = /^[A-Za-z0-9_-]{1,40}$/;

const pem = z.string().startsWith('-----BEGIN ');
const name = z.string().regex(MEMBER_NAME);

export const enrolFile = z
  .looseObject({
    v: z.literal(1),
    /** One of these three says whom it is for. */
    kit_id: z.string().refine(isKitId, 'not a kit id').optional(),
    reader: name.optional(),
    server: name.optional(),
    broker: z.looseObject({
      host: z.string().min(1),
      port: z.number().int().min(1).max(65_535),
      tls: z.boolean(),
    }),
    /** The CA that signed the broker's certificate; without it, a well-known one did. */
    ca_pem: pem.optional(),
    username: z.string().min(1).optional(),
    password: z.string().min(1).optional(),
    cert_pem: pem.optional(),
    /** Left out when the key was made on the kit. */
    key_pem: pem.optional(),
  })
  .refine((file) => [file.kit_id, file.reader, file.server].filter((one) => one !== undefined).length === 1, {
    message: 'is for nobody, or for several',
  })
  .refine((file) => (file.cert_pem === undefined) !== (file.password === undefined), {
    message: 'holds neither a certificate nor a password, or both',
  })
  .refine((file) => (file.password === undefined) === (file.username === undefined), {
    message: 'holds a password without its user, or a user without a password',
  });
export type EnrolFile = z.infer<typeof enrolFile>;
