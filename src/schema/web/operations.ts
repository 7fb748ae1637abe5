// Every path of the HTTP API, once: what it takes, what it answers, who may. The router, the types of the handlers and the
// OpenAPI document are made of this table.
import type { z } from 'zod';
import * as answers from './answers.js';
import * as queries from './queries.js';

/** Who may: everybody, whoever may look, whoever may act. */
export type Access = 'open' | 'viewer' | 'operator';

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `{kit_id}` is a path parameter. */
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Of JSON its schema, else the media type. */
  readonly answer: z.ZodType | string;
  /** 200 unless said otherwise. */
  readonly status?: 200 | 201;
}

export const OPERATIONS = {
  session: {
    method: 'GET',
    path: '/api/session',
    access: 'open',
    summary: 'Who is asking, and what a page has to know before it shows anything.',
    answer: answers.session,
  },
  login: {
    method: 'POST',
    path: '/api/login',
    access: 'open',
    summary: 'Become an operator by the token of HTTP_TOKEN_FILE; sets the session cookie.',
    body: queries.loginBody,
    answer: answers.session,
  },
  logout: {
    method: 'POST',
    path: '/api/logout',
    access: 'open',
    summary: 'End the session.',
    answer: answers.session,
  },
  health: {
    method: 'GET',
    path: '/api/health',
    access: 'viewer',
    summary: 'How the server is: also while the database or the broker is down.',
    answer: answers.health,
  },
  kits: {
    method: 'GET',
    path: '/api/kits',
    access: 'viewer',
    summary: 'Every kit, those with problems first. While the database is down, as they were read last.',
    answer: answers.kitList,
  },
  addKit: {
    method: 'POST',
    path: '/api/kits',
    access: 'operator',
    summary: 'Have a kit polled over HTTP.',
    body: queries.addBody,
    answer: answers.kit,
    status: 201,
  },
  testKit: {
    method: 'POST',
    path: '/api/kits/test',
    access: 'operator',
    summary: "Ask a DragonSync API once, and store nothing. A kit that can't be reached is an answer too.",
    body: queries.testBody,
    answer: answers.connectionTest,
  },
  kit: { method: 'GET', path: '/api/kits/{kit_id}', access: 'viewer', summary: 'One kit.', answer: answers.kit },
  changeKit: {
    method: 'PATCH',
    path: '/api/kits/{kit_id}',
    access: 'operator',
    summary: 'Rename it, say where it stands, poll it or not.',
    body: queries.changeBody,
    answer: answers.kit,
  },
  removeKit: {
    method: 'DELETE',
    path: '/api/kits/{kit_id}',
    access: 'operator',
    summary:
      'Take it from the list, with data=true also its rows, ledger and rejects. Its next message registers it again.',
    query: queries.removeQuery,
    answer: answers.removed,
  },
  kitHealth: {
    method: 'GET',
    path: '/api/kits/{kit_id}/health',
    access: 'viewer',
    summary: 'Its health and positions, the oldest first, thinned evenly.',
    query: queries.kitHealthQuery,
    answer: answers.kitHealthSeries,
  },
  tracks: {
    method: 'GET',
    path: '/api/tracks',
    access: 'viewer',
    summary: 'Drones and aircraft of a time range, the latest first, and which kits heard each.',
    query: queries.tracksQuery,
    answer: answers.trackList,
  },
  tracksCsv: {
    method: 'GET',
    path: '/api/tracks.csv',
    access: 'viewer',
    summary: 'Every row of drones and aircraft in a time range.',
    query: queries.trackDownloadQuery,
    answer: 'text/csv',
  },
  tracksGeojson: {
    method: 'GET',
    path: '/api/tracks.geojson',
    access: 'viewer',
    summary: 'The same as a line for each track and kit (RFC 7946).',
    query: queries.trackDownloadQuery,
    answer: 'application/geo+json',
  },
  tracksKml: {
    method: 'GET',
    path: '/api/tracks.kml',
    access: 'viewer',
    summary: 'The same as tracks with times (KML 2.2).',
    query: queries.trackDownloadQuery,
    answer: 'application/vnd.google-earth.kml+xml',
  },
  signals: {
    method: 'GET',
    path: '/api/signals',
    access: 'viewer',
    summary: 'FPV and other radio signals of a time range, the latest first.',
    query: queries.signalsQuery,
    answer: answers.signalList,
  },
  signalsCsv: {
    method: 'GET',
    path: '/api/signals.csv',
    access: 'viewer',
    summary: 'Every signal in a time range.',
    query: queries.signalDownloadQuery,
    answer: 'text/csv',
  },
  timeline: {
    method: 'GET',
    path: '/api/timeline',
    access: 'viewer',
    summary: 'Messages by kit and kind per minute or longer step, by the time at which they were observed.',
    query: queries.timelineQuery,
    answer: answers.timeline,
  },
  ledger: {
    method: 'GET',
    path: '/api/ledger',
    access: 'viewer',
    summary: 'What the server has of each kit, what the kit still has, and what nobody has.',
    query: queries.ledgerQuery,
    answer: answers.ledger,
  },
  ledgerJson: {
    method: 'GET',
    path: '/api/ledger.json',
    access: 'viewer',
    summary: 'The same to be saved as a file.',
    query: queries.ledgerQuery,
    answer: answers.ledger,
  },
  rejects: {
    method: 'GET',
    path: '/api/rejects',
    access: 'viewer',
    summary: 'What could not be stored, and why, the latest first.',
    query: queries.rejectsQuery,
    answer: answers.rejectList,
  },
  events: {
    method: 'GET',
    path: '/api/events',
    access: 'viewer',
    summary: 'What is committed from now on, or after an event: server-sent events news, tally, kit, server, reset.',
    query: queries.eventsQuery,
    answer: 'text/event-stream',
  },
  openapi: {
    method: 'GET',
    path: '/api/openapi.json',
    access: 'viewer',
    summary: 'This document.',
    answer: 'application/json',
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
type Of<Name extends OperationName> = (typeof OPERATIONS)[Name];

/** What a handler gets of the parameters; nothing of an operation without any. */
export type QueryOf<Name extends OperationName> =
  Of<Name> extends { readonly query: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
export type BodyOf<Name extends OperationName> =
  Of<Name> extends { readonly body: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
/** What it answers, of JSON: the object. */
export type AnswerOf<Name extends OperationName> =
  Of<Name> extends { readonly answer: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
