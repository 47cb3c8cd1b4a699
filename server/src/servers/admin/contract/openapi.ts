/** The contract as OpenAPI 3.1 and as TypeScript types for the pages: generated, never written by hand. */
import { z } from 'zod'
import { errorSpecs } from '../../../platform/errors.ts'
import { operations } from './index.ts'
import type { Operation } from './operation.ts'
import { name, named } from './words.ts'

export type JsonSchema = { [key: string]: unknown }
const REF = '#/components/schemas/'
const errorBody = name(
  'ErrorBody',
  z.strictObject({
    error: z.strictObject({
      code: z.enum(Object.keys(errorSpecs) as [string, ...string[]]),
      text: z.string(),
      detail: z.string().optional(),
    }),
  }),
)

function clean(schema: JsonSchema): JsonSchema {
  const { $schema: _schema, $id: _id, ...rest } = schema
  return rest
}

/** Every named schema, in the shape it has on the wire (`io: input` for bodies: defaults may be left out). */
export function componentSchemas(): Record<string, JsonSchema> {
  const options = { uri: (id: string) => `${REF}${id}`, io: 'input', unrepresentable: 'any' } as const
  const { schemas } = z.toJSONSchema(named, options)
  return Object.fromEntries(
    Object.entries(schemas)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, schema]) => [id, clean(schema as JsonSchema)]),
  )
}

const refTo = (schema: z.ZodType): JsonSchema => {
  const meta = named.get(schema)
  if (!meta) throw new Error('a body or answer of the contract has no name')
  return { $ref: `${REF}${meta.id}` }
}
const json = (schema: JsonSchema): JsonSchema => ({ 'application/json': { schema } })

function parameters(operation: Operation): JsonSchema[] {
  const of = (object: z.ZodObject, where: 'path' | 'query'): JsonSchema[] => {
    const schema = z.toJSONSchema(object, { io: 'input', unrepresentable: 'any' }) as {
      properties?: Record<string, JsonSchema>
      required?: string[]
    }
    return Object.entries(schema.properties ?? {}).map(([key, value]) => ({
      name: key,
      in: where,
      required: where === 'path' || (schema.required ?? []).includes(key),
      schema: value,
    }))
  }
  return [...of(operation.params, 'path'), ...of(operation.query, 'query')]
}

export function openApi(version: string): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}')
    const good = operation.answer
      ? { 200: { description: 'Done', content: json(refTo(operation.answer)) } }
      : { 204: { description: 'Done' } }
    ;(paths[path] ??= {})[operation.method.toLowerCase()] = {
      'operationId': operation.id,
      'summary': operation.summary,
      'x-ability': operation.ability,
      ...(operation.ability === 'public'
        ? {}
        : { security: [operation.method === 'GET' ? { session: [] } : { session: [], csrf: [] }] }),
      'parameters': parameters(operation),
      ...(operation.body ? { requestBody: { required: true, content: json(refTo(operation.body)) } } : {}),
      'responses': { ...good, default: { description: 'What was wrong', content: json(refTo(errorBody)) } },
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Holdfast', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/api/v1' }],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'holdfast' },
        csrf: { type: 'apiKey', in: 'header', name: 'X-Holdfast-CSRF' },
      },
    },
  }
}
