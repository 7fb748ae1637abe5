// What a handler of the HTTP API is given, and what it gives.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnswerOf, BodyOf, OperationName, QueryOf } from '../../schema/web/operations.js';
import type { Visitor } from './access.js';

export interface Call<Name extends OperationName> {
  readonly query: QueryOf<Name>;
  readonly body: BodyOf<Name>;
  /** Of a path with a kit in it; else ''. */
  readonly kitId: string;
  readonly visitor: Visitor;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The object that is answered as JSON; what is not JSON a handler writes itself. */
type Handler<Name extends OperationName> = (call: Call<Name>) => Promise<AnswerOf<Name>> | AnswerOf<Name>;
export type Handlers<Names extends OperationName> = { readonly [Name in Names]: Handler<Name> };
