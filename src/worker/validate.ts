// A handler with schemas, made into one without: input is checked before it runs, the result before it is stored.
// Without a schema the handler is returned as it is, so that it costs nothing.
import type { StandardResult, StandardSchema } from '../service/handles.ts';
import { type Outcome, refuseTask } from './outcome.ts';
import type { Handler, HandlerSpec } from './types.ts';

export function withSchemas(spec: HandlerSpec): Handler {
  const { run, input, output } = spec;
  const checked: Handler = output === undefined ? run : (value, ctx) => whenReady(run(value, ctx), (result) => checkResult(output, result));
  if (input === undefined) return checked;
  return (value, ctx) =>
    whenReady(input['~standard'].validate(value), (answer: StandardResult<unknown>) =>
      answer.issues === undefined ? checked(answer.value, ctx) : refuse('payload', answer.issues),
    );
}

/** Goes on at once where the value is there, so that a schema without promises keeps the handler's own pace. */
const whenReady = <T>(value: T | Promise<T>, next: (value: T) => unknown): unknown => (value instanceof Promise ? value.then(next) : next(value));

function checkResult(schema: StandardSchema<unknown>, result: unknown): unknown {
  if (isTagged(result)) return result;
  return whenReady(schema['~standard'].validate(result), (answer: StandardResult<unknown>) =>
    answer.issues === undefined ? answer.value : refuse('result', answer.issues),
  );
}

const isTagged = (value: unknown): boolean => typeof value === 'object' && value !== null && Symbol.for('prismq.outcome') in value;

const MOST_ISSUES = 5;

function refuse(what: 'payload' | 'result', issues: NonNullable<StandardResult<unknown>['issues']>): Outcome {
  const told = issues.slice(0, MOST_ISSUES).map((issue) => `${pathOf(issue.path)}${issue.message}`);
  const more = issues.length > MOST_ISSUES ? ` (and ${issues.length - MOST_ISSUES} more)` : '';
  return refuseTask('invalid_payload', `The ${what} does not match the schema of the handler: ${told.join('; ')}${more}`);
}

/** A segment is a key, or an object with one. */
function pathOf(path: readonly unknown[] | undefined): string {
  if (path === undefined || path.length === 0) return '';
  const keys = path.map((segment) => (typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment));
  return `${keys.map(String).join('.')}: `;
}
