// `prismq/schemas`: JSON Schema (2020-12) of payloads, by ajv. What opens a queue hands it in, so that the library itself needs nothing.
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { CompileSchema } from './domain/schema.ts';

const MOST_TROUBLES = 10;

/** For `openQueue(url, { schemas })`. Unknown keywords are refused, formats are not looked at, and nothing is fetched. */
export const schemas: CompileSchema = (schema) => {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false, validateFormats: false, addUsedSchema: false });
  const check = ajv.compile(schema as object);
  return (value) => {
    if (check(value)) return [];
    return (check.errors ?? []).slice(0, MOST_TROUBLES).map(({ instancePath, keyword, params, message = 'does not fit' }) => {
      const missing = keyword === 'additionalProperties' ? `: ${String(params['additionalProperty'])}` : '';
      return { path: instancePath, message: `${message}${missing}` };
    });
  };
};
