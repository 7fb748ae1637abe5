// The OpenAPI document of the HTTP API, made of the table of operations.
import { z } from 'zod';
import { errorAnswer } from './answers.js';
import { EVENTS } from './events.js';
import { OPERATIONS, type Operation } from './operations.js';

type Json = Record<string, unknown>;

/** @param version of the program: the API has none of its own. */
export function openApi(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, operation] of Object.entries<Operation>(OPERATIONS)) {
    const methods = paths[operation.path] ?? {};
    methods[operation.method.toLowerCase()] = describe(name, operation);
    paths[operation.path] = methods;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'dragonsink server',
      version,
      description:
        'What the page of dragonsink server is made of. Times are ISO 8601 UTC, units SI, unknown is null. Text that was heard on the radio is raw.',
    },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(EVENTS).map(([name, schema]) => [`event-${name}`, schemaOf(schema)])),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token of HTTP_TOKEN_FILE.' },
        session: { type: 'apiKey', in: 'cookie', name: 'dragonsink_session' },
      },
    },
  };
}

function describe(operationId: string, { path, access, summary, query, body, answer, status = 200 }: Operation): Json {
  const ofPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => parameter('path', name, { type: 'string' }));
  return {
    operationId,
    summary,
    parameters: [...ofPath, ...(query === undefined ? [] : parametersOf(schemaOf(query)))],
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(schemaOf(body)) } }),
    responses: {
      [status]: {
        description: summary,
        content: typeof answer === 'string' ? { [answer]: {} } : json(schemaOf(answer, 'output')),
      },
      default: { description: 'What went wrong, and what to do.', content: json(schemaOf(errorAnswer)) },
    },
    // Bound to loopback, whoever asks from there may look without either.
    security: access === 'open' ? [] : [{ token: [] }, { session: [] }, ...(access === 'viewer' ? [{}] : [])],
  };
}

function parametersOf({
  properties = {},
  required = [],
}: {
  properties?: Record<string, Json>;
  required?: string[];
}): Json[] {
  return Object.entries(properties).map(([name, schema]) => parameter('query', name, schema, required.includes(name)));
}

function parameter(where: 'path' | 'query', name: string, { description, ...schema }: Json, required = true): Json {
  return { in: where, name, required, ...(description === undefined ? {} : { description }), schema };
}

function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'input'): Json {
  const { $schema: _, ...made } = z.toJSONSchema(schema, { io });
  return made;
}
