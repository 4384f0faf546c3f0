// JSON Schema as far as the document of the interface uses it: values that fit one, values that nearly do, and what in a value
// does not fit.
import fc from 'fast-check';

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
}
const KNOWN = new Set([
  '$ref',
  'type',
  'properties',
  'required',
  'additionalProperties',
  'propertyNames',
  'items',
  'minItems',
  'maxItems',
  'anyOf',
  'oneOf',
  'enum',
  'const',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'description',
]);

export type Components = Readonly<Record<string, Schema>>;

/** A rule that nobody here reads would be a rule that nobody checks. */
export function resolve(schema: Schema, components: Components): Schema {
  for (const key of Object.keys(schema)) if (!KNOWN.has(key)) throw new Error(`the document says ${key}, which these tests do not know`);
  if (schema.$ref === undefined) return schema;
  const found = components[schema.$ref.replace('#/components/schemas/', '')];
  if (found === undefined) throw new Error(`the document has no ${schema.$ref}`);
  return resolve(found, components);
}

// What does not fit

export function misfit(given: Schema, value: unknown, components: Components, at = '$'): string | null {
  const schema = resolve(given, components);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.some((option) => misfit(option, value, components, at) === null) ? null : `${at} fits none of ${options.length}`;
  if ('const' in schema && value !== schema.const) return `${at} is not ${String(schema.const)}`;
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${at} is none of ${schema.enum.join(', ')}`;
  if (schema.type !== undefined && ![schema.type].flat().some((type) => isOf(type, value))) return `${at} is no ${String(schema.type)}`;
  if (typeof value === 'string') return textMisfit(schema, value, at);
  if (typeof value === 'number') return value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity) ? `${at} is out of bounds` : null;
  if (Array.isArray(value)) return listMisfit(schema, value, components, at);
  return typeof value === 'object' && value !== null ? objectMisfit(schema, value as Record<string, unknown>, components, at) : null;
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return type === 'object' ? typeof value === 'object' && value !== null && !Array.isArray(value) : typeof value === type;
}

function textMisfit({ minLength = 0, maxLength = Infinity, pattern }: Schema, value: string, at: string): string | null {
  if (value.length < minLength || value.length > maxLength) return `${at} has ${value.length} characters`;
  return pattern === undefined || new RegExp(pattern, 'u').test(value) ? null : `${at} is not of the form ${pattern}`;
}

function listMisfit({ items, minItems = 0, maxItems = Infinity }: Schema, value: readonly unknown[], components: Components, at: string): string | null {
  if (value.length < minItems || value.length > maxItems) return `${at} has ${value.length} items`;
  if (items !== undefined)
    for (const [i, item] of value.entries()) {
      const wrong = misfit(items, item, components, `${at}[${i}]`);
      if (wrong !== null) return wrong;
    }
  return null;
}

function objectMisfit(schema: Schema, value: Readonly<Record<string, unknown>>, components: Components, at: string): string | null {
  // Stricter than the document, which leaves room for what comes later: what an answer has today it names.
  const { properties, required = [], additionalProperties = properties === undefined } = schema;
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${at}.${missing} is missing`;
  for (const [name, member] of Object.entries(value)) {
    const known = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (known === false) return `${at}.${name} is not known`;
    const wrong = known === true || known === undefined ? null : misfit(known, member, components, `${at}.${name}`);
    if (wrong !== null) return wrong;
  }
  return null;
}

// What fits

/** Values of these names that mean something to the server, so that what fits is also done. */
export type Meant = Readonly<Record<string, fc.Arbitrary<unknown>>>;

export function fitting(given: Schema, components: Components, meant: Meant, name = ''): fc.Arbitrary<unknown> {
  const schema = resolve(given, components);
  const plain = arbitraryOf(schema, components, meant, name);
  const better = meant[name];
  return better === undefined || misfitsAll(schema, better, components) ? plain : fc.oneof({ weight: 4, arbitrary: better }, { weight: 1, arbitrary: plain });
}

/** A name may be used for something else elsewhere. */
const misfitsAll = (schema: Schema, better: fc.Arbitrary<unknown>, components: Components): boolean =>
  fc.sample(better, { numRuns: 3, seed: 1 }).every((value) => misfit(schema, value, components) !== null);

function arbitraryOf(schema: Schema, components: Components, meant: Meant, name: string): fc.Arbitrary<unknown> {
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return fc.oneof(...options.map((option) => fitting(option, components, meant, name)));
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const types = [schema.type ?? []].flat();
  if (types.length > 1) return fc.oneof(...types.map((type) => arbitraryOf({ ...schema, type }, components, meant, name)));
  switch (types[0]) {
    case 'string':
      return schema.pattern === undefined
        ? fc.string({ unit: 'grapheme', minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 40) })
        : fc.stringMatching(new RegExp(schema.pattern), { size: '-1' });
    case 'integer':
      return fc.oneof(fc.integer(boundsOf(schema)), fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 2 ** 31));
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(fitting(schema.items ?? {}, components, meant, name), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 4, 4) });
    case 'object':
      return objectOf(schema, components, meant);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

const boundsOf = ({ minimum = 0, maximum = 2 ** 31 - 1 }: Schema): { min: number; max: number } => ({
  min: minimum,
  max: Math.min(maximum, minimum + 2 ** 31 - 1),
});

function objectOf(schema: Schema, components: Components, meant: Meant): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const members = Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, fitting(member, components, meant, name)]));
  if (typeof additionalProperties === 'object' && Object.keys(members).length === 0)
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fitting(additionalProperties, components, meant), { maxKeys: 3 });
  // Few of what may be left out: most pairs of options exclude each other.
  const optional = Object.keys(members).filter((name) => !required.includes(name));
  return fc
    .tuple(fc.subarray(optional, { maxLength: Math.min(optional.length, 3) }), fc.record(members, { requiredKeys: Object.keys(members) }))
    .map(([kept, whole]) => Object.fromEntries(Object.entries(whole).filter(([name]) => required.includes(name) || kept.includes(name))));
}
