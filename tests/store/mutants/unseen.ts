// The conditions whose absence nobody can see, each with the reason. One that somebody does see, or that is gone from its statement,
// fails the test as well: the list stays true.

export interface Unseen {
  readonly statement: string;
  /** The clause and the condition, as the test names them. */
  readonly condition: string;
  readonly because: string;
}

const HINT = 'it only saves work: what is found is asked again by the statement that acts';
const KEY = 'the key is unique and was found for this client in the same transaction; the client is said again so that no statement goes without';
const ASKED = 'who has nothing is asked in vain';
const ROWID = 'the column is the rowid of its table: never null';

const CHANCE = 'the chains of a client come to the same number only by chance; the key of the table has all three';
const HASH = 'a hash is of one end of one chain; the rest is what the index wants';
const TOMBSTONE = 'an emptied task without a row of the audit is a tombstone, whichever cut it is found by';

export const UNSEEN: readonly Unseen[] = [
  { statement: 'anchor_on_chain', condition: 'WHERE s.seq = ?3', because: HASH },
  { statement: 'audit_steps', condition: "WHERE c.chain = 'tasks'", because: 'no task begins in the middle of its life but behind a cut of its own chain' },
  { statement: 'anchor_open', condition: 'WHERE a.chain = h.chain', because: CHANCE },
  ...['ON s.chain = a.chain', 'ON s.client_id = a.client_id', 'ON s.seq = a.seq'].map((condition) => ({ statement: 'cut_point', condition, because: HASH })),
  { statement: 'cut_point', condition: 'ON s.hash = a.hash', because: 'they differ where somebody changed a seal: tests/audit/retention.test.ts does' },
  { statement: 'cut_point', condition: 'WHERE a.seq > ?4', because: 'what is behind a cut is gone a day later, unless a day was not enough for it' },
  { statement: 'cut_seal_drop', condition: 'WHERE chain = ?2', because: CHANCE },
  { statement: 'cut_tasks', condition: 'WHERE e.client_id = ?3', because: TOMBSTONE },
  { statement: 'cut_tasks', condition: 'WHERE e.log_id BETWEEN ?1 AND ?2', because: TOMBSTONE },
  { statement: 'cut_tombstones', condition: 'WHERE t.task_no IN (SELECT value FROM json_each(?1))', because: TOMBSTONE },
  { statement: 'due_exists', condition: 'WHERE d.run_after_utc <= ?1', because: HINT },
  { statement: 'covered_count', condition: 'WHERE c.set_id = ?1', because: 'it decides between two ways to the same answer' },
  { statement: 'covered_lanes_of', condition: 'WHERE c.client_id = ?2', because: 'pick_lane asks the client of each row again' },
  ...[`WHERE EXISTS (SELECT 1 FROM walled.ready r WHERE r.client_id = c.client_id)`, `WHERE r.client_id = c.client_id`].map((condition) => ({
    statement: 'active_among',
    condition,
    because: ASKED,
  })),
  ...[
    'WHERE EXISTS (SELECT 1 FROM walled.ready r WHERE r.lane_id = c.lane_id AND r.client_id = c.client_id)',
    'WHERE c.set_id = ?1',
    'WHERE r.client_id = c.client_id',
    'WHERE r.lane_id = c.lane_id',
  ].map((condition) => ({ statement: 'active_covered', condition, because: ASKED })),
  ...[
    'ON n.client_id = k.client_id',
    'WHERE NOT EXISTS (SELECT 1 FROM walled.capability_lanes o WHERE o.set_id = ?1 AND o.client_id = n.client_id AND o.lane_id = n.lane_id)',
    'WHERE c.set_id = ?1',
    'WHERE o.set_id = ?1',
    'WHERE o.client_id = n.client_id',
    'WHERE o.lane_id = n.lane_id',
  ].map((condition) => ({ statement: 'uncovered_lane', condition, because: 'it decides between two ways to the same answer' })),
  {
    statement: 'key_touch',
    condition: 'WHERE coalesce(last_used_at_utc, 0) <= ?1 - 60000',
    because: 'asked in memory before: it is for two servers in the same minute',
  },
  { statement: 'enqueue_metadata', condition: 'WHERE t.metadata IS NOT NULL', because: 'no metadata has no members' },
  ...['events_all: WHERE e.row_no <= ?2', 'events_of: WHERE e.row_no <= ?3'].map((both) => {
    const [statement = '', condition = ''] = both.split(': ');
    return { statement, condition, because: 'a window of ten thousand rows, which bounds one look' };
  }),
  { statement: 'pick_lane', condition: 'WHERE +r.client_id = ?2', because: 'a lane is of one client; it is said again so that no statement goes without' },
  { statement: 'active_clients', condition: 'WHERE active.client_id IS NOT NULL', because: 'after the last client there is none: the join drops it' },
  { statement: 'active_clients', condition: 'WHERE active.n < ?1', because: 'a bound that takes a thousand clients to reach' },
  { statement: 'ready_beyond', condition: 'WHERE r.client_id = ?1', because: 'it decides between two ways to the same answer' },
  { statement: 'claimed', condition: 'WHERE h.lease_id = ?1', because: 'what is picked was leased by this claim a moment ago' },
  {
    statement: 'retention_find',
    condition: `WHERE f.status IN ('completed', 'dead_letter', 'cancelled')`,
    because: 'these are all there are: it names them for the index',
  },
  { statement: 'clients_with_finished', condition: `WHERE f.status IN ('completed', 'dead_letter', 'cancelled')`, because: HINT },
  { statement: 'clients_with_finished', condition: 'WHERE f.client_id = c.client_id', because: HINT },
  { statement: 'clients_with_finished', condition: 'WHERE f.finished_at_utc < ?1', because: HINT },
  {
    statement: 'clients_with_finished',
    condition: `WHERE EXISTS (SELECT 1 FROM walled.finished f WHERE f.client_id = c.client_id AND f.status IN ('completed', 'dead_letter', 'cancelled') AND f.finished_at_utc < ?1)`,
    because: HINT,
  },
  {
    statement: 'place_of',
    condition: 'WHEN b.task_no IS NOT NULL (2)',
    because: 'a task in no place has no state either, and is refused before its place matters',
  },
  {
    statement: 'client_of_task',
    condition: 'WHERE t.client_id IN (SELECT c.client_id FROM walled.clients c)',
    because: 'every task has a client: it is for the index',
  },
  { statement: 'options_of', condition: 'WHERE t.client_id = ?1', because: KEY },
  { statement: 'payload_of', condition: 'WHERE t.client_id = ?1', because: KEY },
  { statement: 'hits_failed', condition: `ON h.op = 'fail'`, because: 'nothing is staged when leases expire: only ends of workers are' },
  { statement: 'settled', condition: 'WHERE h.i IS NOT NULL', because: ROWID },
  { statement: 'settle_repeats', condition: 'WHERE h.i IS NOT NULL', because: ROWID },
  {
    statement: 'settle_repeats',
    condition: 'WHERE e.i NOT IN (SELECT h.i FROM staged.hits h WHERE h.i IS NOT NULL)',
    because: 'an end that has just happened answers what its repeat answers',
  },
];
