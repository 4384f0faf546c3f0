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
const OF_ONE = 'a lane is of one client; it is said again for the key';
const ASKED = 'who has nothing is asked in vain';
const SHORTER = 'the chain of security is the shorter one of the two here';
const TAKEN_OUT = 'a sealed number is looked for behind the seals only when its row was taken out';
const CLIENT = "the number of a task is one client's alone; the client is said again so that no statement goes without";
const NOTED = 'a task that nobody waits for is noted in vain: no edge of it is found';
const AGAIN = 'a priority that is found anew without need is the same';
const CLOSED = 'the priority of an edge that is closed is never asked';
const LEFT = 'it names one of several only where a step stopped in the middle of a parent: beyond a thousand edges';
const DRAW = 'the floor of a draw, where WEIGHTED_RANDOM is used and has one';
const HELD = 'lease_find asked the same a moment ago; it is said again so that the statement holds by itself';
const OPEN_EDGE = 'an edge of a blocked task to a parent that has just ended is open';
const ROWID = 'the column is the rowid of its table: never null';

const CHANCE = 'the chains of a client come to the same number only by chance; the key of the table has all three';
const HASH = 'a hash is of one end of one chain; the rest is what the index wants';
const TOMBSTONE = 'an emptied task without a row of the audit is a tombstone, whichever cut it is found by';

export const UNSEEN: readonly Unseen[] = [
  { statement: 'sla_put', condition: 'WHERE client_id = ?3', because: CLIENT },
  {
    statement: 'unroutable',
    condition: `WHERE NOT EXISTS (SELECT 1 FROM walled.capability_lanes c CROSS JOIN walled.workers w ON w.set_id = c.set_id WHERE c.lane_id = n.lane_id AND +c.client_id = n.client_id AND w.heartbeat_utc > ?3 AND w.status IN ('ready', 'busy'))`,
    because: 'it only saves work: what some live worker covers is left out again by the domain',
  },
  ...['c', 'r'].map((table) => ({ statement: 'unroutable', condition: `WHERE +${table}.client_id = n.client_id`, because: OF_ONE })),
  { statement: 'anchor_on_chain', condition: 'WHERE s.seq = ?3', because: HASH },
  { statement: 'audit_steps', condition: "WHERE c.chain = 'tasks'", because: 'no task begins in the middle of its life but behind a cut of its own chain' },
  { statement: 'anchor_open', condition: 'WHERE a.chain = h.chain', because: CHANCE },
  { statement: 'anchor_open', condition: 'ON s.chain = n.column1', because: CHANCE },
  { statement: 'audit_heads', condition: 'ON a.chain = n.column1', because: CHANCE },
  ...['ON s.chain = a.chain', 'ON s.client_id = a.client_id', 'ON s.seq = a.seq'].map((condition) => ({ statement: 'cut_point', condition, because: HASH })),
  { statement: 'cut_point', condition: 'ON s.hash = a.hash', because: 'they differ where somebody changed a seal: tests/audit/retention.test.ts does' },
  { statement: 'cut_point', condition: 'WHERE a.seq > ?4', because: 'what is behind a cut is gone a day later, unless a day was not enough for it' },
  { statement: 'cut_edges_drop', condition: 'WHERE client_id = ?1', because: CLIENT },
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
  { statement: 'event_sealed', condition: 'ON e.log_id <= s.last_id', because: 'the row is counted off from the first of the seal, and is one of it' },
  ...['event_sealed: a', 'event_sealed: b', 'event_unsealed: a', 'events_count: a'].map((of) => {
    const [statement = '', alias = ''] = of.split(': ');
    return { statement, condition: `WHERE ${alias}.chain = 'tasks'`, because: SHORTER };
  }),
  { statement: 'event_unsealed', condition: `WHERE a.chain = 'tasks' (2)`, because: SHORTER },
  { statement: 'event_unsealed', condition: 'WHERE a.client_id = ?1', because: TAKEN_OUT },
  {
    statement: 'event_unsealed',
    condition: `WHERE NOT EXISTS (SELECT 1 FROM walled.audit_seals a WHERE a.client_id = ?1 AND a.chain = 'tasks' AND a.seq >= ?2)`,
    because: TAKEN_OUT,
  },
  { statement: 'oldest_ready', condition: 'WHERE (?1 IS NULL OR r.client_id = ?1)', because: 'the twins of both clients were made at one instant' },
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
  ...['limits_list', 'limits_all', 'limit_running'].map((statement) => ({ statement, condition: 'ON x.client_id = l.client_id', because: OF_ONE })),
  { statement: 'limited_lanes', condition: 'ON x.client_id = c.client_id', because: OF_ONE },
  { statement: 'explain_limits', condition: 'WHERE x.client_id = ?1', because: OF_ONE },
  { statement: 'limited_lanes', condition: 'WHERE c.client_id = ?2', because: 'lane_heads asks the client of each row again' },
  ...[
    'WHERE EXISTS (SELECT 1 FROM walled.ready r WHERE r.lane_id = c.lane_id AND r.client_id = c.client_id)',
    'WHERE r.client_id = c.client_id',
    'WHERE r.lane_id = c.lane_id',
  ].map((condition) => ({ statement: 'limited_lanes', condition, because: 'a lane without work has no heads: it is asked in vain' })),
  { statement: 'schedule_count', condition: 'WHERE s.client_id = ?1', because: 'a bound that takes ten thousand schedules to reach' },
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
  ...[
    `WHERE EXISTS (SELECT 1 FROM walled.task_dependencies d WHERE d.client_id = x.client_id AND d.parent_no = x.task_no)`,
    `WHERE d.client_id = x.client_id`,
    `WHERE d.parent_no = x.task_no`,
  ].map((condition) => ({ statement: 'doomed_ended', condition, because: NOTED })),
  ...[`ON +d.client_id = x.client_id`, `ON d.task_no = x.task_no`, `WHERE d.state = 'open'`].map((condition) => ({
    statement: 'doomed_lent',
    condition,
    because: AGAIN,
  })),
  ...[`ON +d.client_id = x.client_id`].map((condition) => ({ statement: 'doomed_void', condition, because: CLIENT })),
  ...[`WHERE client_id = ?3`].map((condition) => ({ statement: 'edge_state', condition, because: CLIENT })),
  ...[`WHERE s.state = 'open'`].map((condition) => ({ statement: 'edges_close', condition, because: OPEN_EDGE })),
  ...[`ON b.task_no = s.task_no`, `WHERE s.state = 'open'`].map((condition) => ({ statement: 'edges_doom', condition, because: OPEN_EDGE })),
  ...[`ON d.client_id = e.client_id`].map((condition) => ({ statement: 'edges_pick', condition, because: CLIENT })),
  ...[`ON d.task_no > e.after_no`].map((condition) => ({ statement: 'edges_pick', condition, because: LEFT })),
  ...[`WHERE +d.client_id = ?3`].map((condition) => ({ statement: 'edges_reprioritise', condition, because: CLIENT })),
  ...[`WHERE d.state = 'open'`].map((condition) => ({ statement: 'edges_reprioritise', condition, because: CLOSED })),
  ...[`WHERE client_id = ?1`].map((condition) => ({ statement: 'ended_forget', condition, because: CLIENT })),
  ...[`WHERE task_no = ?2`].map((condition) => ({ statement: 'ended_forget', condition, because: LEFT })),
  ...[`WHERE client_id = ?2`].map((condition) => ({ statement: 'ended_pass', condition, because: CLIENT })),
  ...[`WHERE task_no = ?3`].map((condition) => ({ statement: 'ended_pass', condition, because: LEFT })),
  ...[
    `ON +d.client_id = c.client_id`,
    `ON c.task_no = j.value`,
    `ON d.task_no = c.task_no`,
    `ON t.task_no = d.parent_no`,
    `WHERE d.state = 'open'`,
    `WHERE t.effective_priority > d.priority`,
  ].map((condition) => ({ statement: 'enqueue_lent', condition, because: AGAIN })),
  ...[`WHERE c.client_id = t.client_id`].map((condition) => ({ statement: 'enqueue_ready_free', condition, because: DRAW })),
  ...[`ON +d.client_id = t.client_id`].map((condition) => ({ statement: 'lease_parents', condition, because: CLIENT })),
  ...[`WHERE l.lease_id = ?3`, `WHERE l.lease_until_utc > ?5`, `WHERE l.worker_id = ?4`, `WHERE t.client_id = ?1`].map((condition) => ({
    statement: 'lease_parents',
    condition,
    because: HELD,
  })),
  ...[`ON +d.client_id = s.client_id`].map((condition) => ({ statement: 'lent_edges', condition, because: CLIENT })),
  ...[`WHERE d.state = 'open'`].map((condition) => ({ statement: 'lent_edges', condition, because: CLOSED })),
  ...[`ON +d.client_id = s.client_id`, `ON d.task_no = s.task_no`, `WHERE d.state = 'open'`].map((condition) => ({
    statement: 'lent_on',
    condition,
    because: AGAIN,
  })),
  ...[`WHERE d.client_id = c.client_id`].map((condition) => ({ statement: 'lent_pick', condition, because: CLIENT })),
  ...[`ON r.client_id = s.client_id`, `ON r.priority = s.before`].map((condition) => ({ statement: 'lent_ready', condition, because: CLIENT })),
  ...[`WHERE c.client_id = r.client_id`].map((condition) => ({ statement: 'lent_ready', condition, because: DRAW })),
  ...[`WHERE (client_id, task_no) IN (SELECT s.client_id, s.task_no FROM staged.lent s)`].map((condition) => ({
    statement: 'lent_taken',
    condition,
    because: LEFT,
  })),
  ...[`WHERE +d.client_id = ?2`, `WHERE d.state = 'open'`, `WHERE d.task_no = ?1`].map((condition) => ({
    statement: 'parents_change',
    condition,
    because: AGAIN,
  })),
  ...[`WHERE +d.client_id = ?2`].map((condition) => ({ statement: 'parents_of_task', condition, because: CLIENT })),
  ...[`WHERE d.client_id = ?1`].map((condition) => ({ statement: 'priority_change', condition, because: AGAIN })),
  ...[
    `WHERE d.client_id = f.client_id`,
    `WHERE d.parent_no = f.task_no`,
    `WHERE d.state = 'open'`,
    `WHERE EXISTS (SELECT 1 FROM walled.task_dependencies d WHERE d.client_id = f.client_id AND d.parent_no = f.task_no AND d.state = 'open')`,
  ].map((condition) => ({ statement: 'purge_ended', condition, because: NOTED })),
  ...[
    `WHERE EXISTS (SELECT 1 FROM walled.task_dependencies d WHERE d.client_id = h.client_id AND d.parent_no = h.task_no)`,
    `WHERE d.client_id = h.client_id`,
    `WHERE d.parent_no = h.task_no`,
  ].map((condition) => ({ statement: 'settle_ended', condition, because: NOTED })),
  ...[`WHERE d.client_id = h.client_id`, `WHERE d.parent_no = h.task_no`].map((condition) => ({ statement: 'settled', condition, because: NOTED })),
  ...[`WHERE c.client_id = b.client_id`].map((condition) => ({ statement: 'unblock_ready', condition, because: DRAW })),
];
