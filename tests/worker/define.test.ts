// Typed tasks: one definition for who enqueues and who handles. The types are checked by the compiler; here is what is left of them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StandardSchema } from '../../src/service/handles.ts';
import { defineTask } from '../../src/domain/definition.ts';
import { on } from '../../src/worker/define.ts';
import { deadLetter } from '../../src/worker/outcome.ts';
import { createRegistry } from '../../src/worker/registry.ts';
import type { HandlerContext } from '../../src/worker/types.ts';

interface Mail {
  readonly to: string;
}
const mailSchema: StandardSchema<Mail> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'object' && value !== null && 'to' in value && typeof value.to === 'string'
        ? { value: { to: value.to } }
        : { issues: [{ message: 'needs `to`' }] },
  },
};
const ctx = {} as HandlerContext;

describe('defineTask', () => {
  it('keeps what it is given, frozen', () => {
    const SendMail = defineTask('Mail.Send', { input: mailSchema, defaults: { priority: 5 }, version: '2' });
    assert.deepEqual({ ...SendMail }, { type: 'Mail.Send', input: mailSchema, defaults: { priority: 5 }, version: '2' });
    assert.ok(Object.isFrozen(SendMail));
  });

  it('types the input of its handler and checks it when it runs', () => {
    const SendMail = defineTask('Mail.Send', { input: mailSchema });
    // `mail.to` compiles only if the input is typed by the definition.
    const registry = createRegistry([on(SendMail, (mail) => (mail.to === '' ? deadLetter('nobody') : { sent: mail.to }))]);
    assert.deepEqual(registry.find('Mail.Send')?.run({ to: 'a@example.org', more: 1 }, ctx), { sent: 'a@example.org' });
    assert.match(JSON.stringify(registry.find('Mail.Send')?.run({}, ctx)), /needs `to`/);
  });

  it('a result of another type than the output of the definition does not compile', () => {
    const Count = defineTask<Mail, number>('Mail.Count');
    on(Count, () => 1);
    // @ts-expect-error: a text is no number
    on(Count, () => 'one');
    // @ts-expect-error: nor is a promise of one
    on(Count, async () => 'one');
    // @ts-expect-error: the input has no such field
    on(Count, (mail) => mail.from);
    assert.equal(Count.type, 'Mail.Count');
  });

  it('a handler that names its input needs no cast in a record', () => {
    const registry = createRegistry({
      'Mail.Send': ({ to }: Mail) => to,
      'Mail.*': { run: async (input: Mail, { attempt }) => `${input.to} ${attempt}`, version: '1' },
    });
    assert.equal(registry.find('Mail.Send')?.run({ to: 'x' }, ctx), 'x');
  });

  it('on() carries the options of the handler', () => {
    const registry = createRegistry([on(defineTask('Mail.Send', { version: '1' }), () => null, { version: '2' })]);
    assert.equal(registry.get('Mail.Send')?.version, '2');
    registry.add(...on(defineTask('Mail.Send'), () => null, { override: true, version: '3' }));
    assert.equal(registry.get('Mail.Send')?.version, '3');
  });
});
