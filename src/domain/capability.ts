// Who may take what: a task's `compatibility`, what a worker declares, what an admin grants, and whether the three meet.
// A worker gets a task only inside declared ∩ granted; every key that the task asks for must be answered.
import type { Attribute, Scalar } from './attributes.ts';
import { attributeTrouble, byText, distinct, isList, listOf, own, recordTrouble, requirementTrouble, sortedBy } from './attributes.ts';
import { checkPattern, matches, reducePatterns } from './category.ts';
import type { Result } from './errors.ts';
import { ok } from './errors.ts';
import type { FieldError } from './fields.ts';
import { isPlainObject, shown, unknownKeys, wrongField, wrongFields } from './fields.ts';
import { isClientId } from './names.ts';
import type { Compatibility, GrantSpec, Requirement, WorkerCapabilities } from './task.ts';

const MAX_KEYS = 16;
const MAX_BYTES = 1000;
const MAX_ATTRIBUTES = 64;
const MAX_PATTERNS = 1000;
const MAX_CLIENTS = 10_000;

// The match

export interface LaneOf {
  readonly clientId: string;
  readonly type: string;
  readonly compatibility: Compatibility;
}

/** Whether a worker that declares this and was granted this may take the tasks of a lane. */
export function covers(declared: WorkerCapabilities, grants: readonly GrantSpec[], lane: LaneOf): boolean {
  if (declared.clients !== undefined && !declared.clients.includes(lane.clientId)) return false;
  if (declared.categories !== undefined && !declared.categories.some((pattern) => matches(pattern, lane.type))) return false;
  return grants.some(
    (grant) =>
      (grant.clientId === '*' || grant.clientId === lane.clientId) &&
      matches(grant.pattern, lane.type) &&
      answers(declared.attributes, grant.attributes, lane.compatibility),
  );
}

function answers(declared: WorkerCapabilities['attributes'], granted: GrantSpec['attributes'], compatibility: Compatibility): boolean {
  for (const key of Object.keys(compatibility)) {
    const said = listOf(own(declared, key));
    // An attribute that the grant names counts only within the grant; one that it does not name is the worker's word.
    const bound = own(granted, key);
    const counted = bound === undefined ? said : said.filter((value) => bound.includes(value));
    if (!counted.some((value) => satisfies(value, compatibility[key] as Requirement))) return false;
  }
  return true;
}

function satisfies(value: Scalar, requirement: Requirement): boolean {
  if (typeof requirement !== 'object') return value === requirement;
  if (isList(requirement)) return requirement.includes(value);
  const { min, max } = requirement as { readonly min?: number; readonly max?: number };
  return typeof value === 'number' && (min === undefined || value >= min) && (max === undefined || value <= max);
}

// Canonical texts

const NO_REQUIREMENTS = ok({ text: '{}', region: null });

/** What a task asks for as JSON text with sorted keys, and the region when it names one. */
export function canonicalCompatibility(value: unknown): Result<{ readonly text: string; readonly region: string | null }> {
  if (value === undefined) return NO_REQUIREMENTS;
  const wrong = recordTrouble(value, 'compatibility', MAX_KEYS, requirementTrouble);
  if (wrong.length > 0) return wrongFields(wrong);
  const record = value as Compatibility;
  const text = JSON.stringify(sortedBy(record, (item) => (isPlainObject(item) ? sortedBy(item, (bound) => bound) : item)));
  const bytes = utf8Bytes(text);
  if (bytes > MAX_BYTES) return wrongField('compatibility', `has ${bytes} bytes as JSON, at most ${MAX_BYTES} are allowed`);
  const region = own(record, 'region');
  return ok({ text, region: typeof region === 'string' ? region : null });
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    // Half of a pair counts two of its four bytes: one more than its unit.
    if (c > 127) bytes += c < 0x800 || (c >= 0xd800 && c <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Attributes of a grant as JSON text that is the same for the same bounds. */
export const canonicalAttributes = (attributes: GrantSpec['attributes']): string => JSON.stringify(sortedBy(attributes ?? {}, distinct));

/** A list of one value says the same as the value. */
function canonicalAttribute(attribute: Attribute): Attribute {
  const values = distinct(listOf(attribute));
  return values.length === 1 ? (values[0] as Scalar) : values;
}

/** JSON text `{ declared, grants }` that is the same for what covers the same lanes, as far as its form tells. */
export function capabilityKey(declared: WorkerCapabilities, grants: readonly GrantSpec[]): string {
  const attributes = declared.attributes ?? {};
  const said: WorkerCapabilities = {
    ...(declared.categories === undefined ? {} : { categories: reducePatterns(declared.categories) }),
    ...(declared.clients === undefined ? {} : { clients: [...new Set(declared.clients)].sort(byText) }),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes: sortedBy(attributes, canonicalAttribute) }),
  };
  const rows = grants.map((grant) => {
    const bounds = sortedBy(grant.attributes ?? {}, distinct);
    return JSON.stringify({ clientId: grant.clientId, pattern: grant.pattern, ...(Object.keys(bounds).length === 0 ? {} : { attributes: bounds }) });
  });
  return `{"declared":${JSON.stringify(said)},"grants":[${[...new Set(rows)].sort(byText).join(',')}]}`;
}

// What is given

/** What a worker says of itself. An absent list narrows nothing; an empty one takes nothing. */
export function checkCapabilities(value: unknown): Result<WorkerCapabilities> {
  if (!isPlainObject(value)) return wrongField('capabilities', 'give an object with categories, clients, attributes');
  const wrong: FieldError[] = unknownKeys(value, ['categories', 'clients', 'attributes'], 'capabilities.');
  const categories = checkNames(value['categories'], 'capabilities.categories', MAX_PATTERNS, patternTrouble, wrong);
  const clients = checkNames(value['clients'], 'capabilities.clients', MAX_CLIENTS, clientTrouble, wrong);
  const attributes = value['attributes'];
  if (attributes !== undefined) wrong.push(...recordTrouble(attributes, 'capabilities.attributes', MAX_ATTRIBUTES, attributeTrouble));
  if (wrong.length > 0) return wrongFields(wrong);
  return ok({
    ...(categories === undefined ? {} : { categories }),
    // Every client is what an absent list says.
    ...(clients === undefined || clients.includes('*') ? {} : { clients }),
    ...(attributes === undefined ? {} : { attributes: sortedBy(attributes as Record<string, Attribute>, (item) => (isList(item) ? [...item] : item)) }),
  });
}

function checkNames(value: unknown, field: string, max: number, trouble: (name: unknown) => string | null, wrong: FieldError[]): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!isList(value) || value.length > max) {
    wrong.push({ field, message: `give a list of at most ${max}` });
    return undefined;
  }
  const seen = new Set(value);
  for (const name of seen) {
    const message = trouble(name);
    if (message !== null) wrong.push({ field, message });
  }
  return [...seen] as readonly string[];
}

function patternTrouble(pattern: unknown): string | null {
  const checked = checkPattern(pattern);
  return checked.ok ? null : checked.refusal.message;
}

const clientTrouble = (client: unknown): string | null => (client === '*' || isClientId(client) ? null : `${shown(client)} is no client id and not *`);

/** What an admin allows a worker. */
export function checkGrant(value: unknown): Result<GrantSpec> {
  if (!isPlainObject(value)) return wrongField('grant', 'give an object with clientId, pattern and perhaps attributes');
  const { clientId, pattern, attributes } = value;
  const wrong: FieldError[] = unknownKeys(value, ['clientId', 'pattern', 'attributes'], 'grant.');
  const client = clientTrouble(clientId);
  if (client !== null) wrong.push({ field: 'grant.clientId', message: client });
  const form = patternTrouble(pattern);
  if (form !== null) wrong.push({ field: 'grant.pattern', message: form });
  if (attributes !== undefined) wrong.push(...recordTrouble(attributes, 'grant.attributes', MAX_KEYS, attributeTrouble));
  if (wrong.length > 0) return wrongFields(wrong);
  const bounds = sortedBy((attributes ?? {}) as Record<string, Attribute>, (item) => distinct(listOf(item)));
  const grant: GrantSpec = { clientId: clientId as string, pattern: pattern as string };
  return ok(Object.keys(bounds).length === 0 ? grant : { ...grant, attributes: bounds });
}

// Grants on a command line: acme:Mail.* region=eu-west-1,eu-central-1 gpu=true

const GRANT_FORM = 'write it as CLIENT:PATTERN [name=value,value]…, like acme:Mail.* region=eu-west-1 — a value that is no word goes into double quotes';
const BARE = /^[A-Za-z_][A-Za-z0-9_.:/-]*$/;
const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const HEAD = /^\s*([^\s:]+):(\S+)/;

export function parseGrant(text: string): Result<GrantSpec> {
  const head = HEAD.exec(text);
  if (head === null) return wrongField('grant', `${shown(text)} is no grant: ${GRANT_FORM}`);
  const attributes: Record<string, Scalar[]> = {};
  // Sticky, so that it reads on from where the last value ended.
  const name = /\s+([A-Za-z][A-Za-z0-9_-]*)=/y;
  const value = /("(?:[^"\\]|\\.)*"|[^\s,"]+)(,?)/y;
  let at = head[0].length;
  const rest = text.trimEnd();
  while (at < rest.length) {
    name.lastIndex = at;
    const key = name.exec(rest)?.[1];
    if (key === undefined || Object.hasOwn(attributes, key)) return wrongField('grant', `${shown(text)} is no grant: ${GRANT_FORM}`);
    at = name.lastIndex;
    const values: Scalar[] = [];
    for (let more = true; more; ) {
      value.lastIndex = at;
      const found = value.exec(rest);
      const scalar = found === null ? undefined : scalarOf(found[1] as string);
      if (found === null || scalar === undefined) return wrongField('grant', `${shown(text)} is no grant: ${GRANT_FORM}`);
      values.push(scalar);
      at = value.lastIndex;
      more = found[2] === ',';
    }
    attributes[key] = values;
  }
  return checkGrant({ clientId: head[1], pattern: head[2], attributes });
}

/** `true` and `false` are booleans, what reads as a number is one, the rest are strings. */
function scalarOf(word: string): Scalar | undefined {
  if (word.startsWith('"')) {
    try {
      return JSON.parse(word) as string;
    } catch {
      return undefined;
    }
  }
  if (word === 'true' || word === 'false') return word === 'true';
  return NUMBER.test(word) && Number.isFinite(Number(word)) ? Number(word) : word;
}

/** The text that `parseGrant` reads back. */
export function formatGrant(grant: GrantSpec): string {
  const form = (value: Scalar): string =>
    typeof value !== 'string' || (BARE.test(value) && value !== 'true' && value !== 'false') ? String(value) : JSON.stringify(value);
  const bounds = sortedBy(grant.attributes ?? {}, (values) => distinct(values).map(form).join(','));
  return [`${grant.clientId}:${grant.pattern}`, ...Object.entries(bounds).map(([key, values]) => `${key}=${values}`)].join(' ');
}
