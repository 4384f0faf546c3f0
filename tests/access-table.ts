// Who may do what, a second time: written from the design and not from src/domain/access.ts, so that a wrong row there is found here.
// `-` is never.
import type { Column } from '../src/domain/access.ts';

const TABLE = `
operation          client worker client_admin platform_admin auditor system foreign     audit
task.enqueue       own    -      own          named          -       any    n/a         denied
task.get           own    -      own          meta           -       -      not_found   denied
task.payload       own    lease  own          named          -       -      not_found   denied
task.list          own    -      own          meta           -       -      empty       denied
task.explain       own    -      own          meta           -       -      not_found   denied
task.unroutable    own    -      own          meta           -       -      empty       denied
task.forecast      own    -      own          meta           -       -      not_found   denied
task.stats         own    -      own          any            any     any    empty       none
task.wait          own    -      own          -              -       -      not_found   denied
task.cancel        own    -      own          any            -       any    not_found   denied
task.requeue       own    -      own          any            -       -      not_found   denied
task.reprioritise  own    -      own          named          -       -      not_found   denied
task.amend         own    -      own          -              -       -      not_found   denied
task.purge         -      -      own          any            -       any    not_found   always
task.dependencies  own    -      own          meta           -       -      not_found   denied
task.logs          own    -      own          meta           meta    -      not_found   denied
task.events        own    -      own          meta           meta    -      empty       denied
bulk.cancel        own    -      own          named          -       -      empty       denied
bulk.requeue       own    -      own          named          -       -      empty       denied
bulk.reprioritise  own    -      own          named          -       -      empty       denied
bulk.purge         -      -      own          named          -       -      empty       always
inbox.list         -      grant  -            -              -       -      empty       denied
lease.claim        -      grant  -            -              -       -      empty       denied
lease.heartbeat    -      lease  -            -              -       -      lease_lost  denied
lease.complete     -      lease  -            -              -       -      lease_lost  denied
lease.fail         -      lease  -            -              -       -      lease_lost  denied
lease.release      -      lease  -            -              -       -      lease_lost  denied
lease.progress     -      lease  -            -              -       -      lease_lost  denied
lease.enqueue      -      lease  -            -              -       -      lease_lost  denied
lease.parents      -      lease  -            -              -       -      lease_lost  denied
lease.log          -      lease  -            -              -       -      lease_lost  denied
worker.register    -      self   -            -              -       -      n/a         always
worker.heartbeat   -      self   -            -              -       -      n/a         denied
worker.deregister  -      self   -            -              -       -      n/a         always
worker.list        -      self   own          any            any     -      empty       none
worker.remove      -      -      -            any            -       any    not_found   always
grant.create       -      -      own          any            -       -      not_found   always
grant.list         -      self   own          any            any     -      empty       none
grant.delete       -      -      own          any            -       -      not_found   always
key.create         -      -      own          any            -       -      n/a         always
key.list           -      -      own          any            any     -      empty       none
key.rotate         -      -      own          any            -       -      not_found   always
key.revoke         -      -      own          any            -       -      not_found   always
key.bootstrap      -      -      -            -              -       any    n/a         always
client.create      -      -      -            any            -       -      n/a         always
client.list        -      -      -            any            any     -      empty       none
client.suspend     -      -      -            any            -       -      not_found   always
client.weight      -      -      -            any            -       -      not_found   always
client.quota       -      -      -            any            -       -      not_found   always
client.usage       own    -      own          named          -       -      n/a         denied
client.encrypt     -      -      own          any            -       -      not_found   always
client.erase       -      -      -            any            -       -      not_found   always
client.export      -      -      own          any            -       -      not_found   always
category.set       -      -      -            any            -       -      n/a         always
category.list      any    any    any          any            any     -      empty       none
category.forecast  own    -      own          named          -       -      n/a         denied
category.delete    -      -      -            any            -       -      not_found   always
schedule.set       own    -      own          named          -       -      n/a         always
schedule.list      own    -      own          meta           -       -      empty       none
schedule.get       own    -      own          -              -       -      not_found   none
schedule.delete    own    -      own          named          -       -      not_found   always
schedule.pause     own    -      own          named          -       -      not_found   always
schedule.run       own    -      own          named          -       -      not_found   always
schedule.fire      -      -      -            -              -       any    n/a         none
limit.set          -      -      own          named          -       -      n/a         always
limit.list         own    -      own          any            -       -      empty       none
limit.delete       -      -      own          named          -       -      not_found   always
queue.pause        -      -      own          named          -       -      n/a         always
audit.events       -      -      own          any            any     -      empty       none
audit.trail        -      -      own          any            any     -      empty       none
audit.verify       -      -      own          any            any     any    empty       none
audit.export       -      -      own          any            any     -      empty       always
audit.anchor       -      -      -            any            -       any    n/a         denied
audit.retain       -      -      -            any            -       -      not_found   always
audit.retention    -      -      own          any            any     -      empty       none
audit.cut          -      -      -            -              -       any    n/a         none
audit.seal         -      -      -            -              -       any    n/a         none
metrics.read       -      -      own          any            any     any    empty       none
janitor.tick       -      -      -            any            -       any    n/a         none
`;

export interface Expected {
  readonly operation: string;
  readonly reach: Readonly<Record<Column, string>>;
  readonly foreign: string;
  readonly audit: string;
}

const [head = [], ...rows] = TABLE.trim()
  .split('\n')
  .map((line) => line.split(/ +/));

export const EXPECTED: readonly Expected[] = rows.map((cells) => {
  const named = Object.fromEntries(head.map((name, i) => [name, cells[i] === '-' ? 'no' : (cells[i] ?? 'missing')]));
  const { operation = '', foreign = '', audit = '', ...reach } = named;
  return { operation, reach: reach as Expected['reach'], foreign, audit };
});
