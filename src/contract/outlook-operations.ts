// The rows of the table of operations that are about what is to come: forecasts, work that nobody can take, quotas.
import { TASK, get, row } from './row.ts';

export const OUTLOOK_OPERATIONS = {
  unroutable: get('/queue/unroutable', 'task.unroutable', 'Unroutable', {
    query: 'LimitQuery',
    inside: true,
    summary: 'Work that is due and that no live worker may take, by what it needs, with the reason.',
  }),
  forecastTask: get('/queue/tasks/{id}/forecast', 'task.forecast', 'Forecast', {
    errors: TASK,
    inside: true,
    summary: 'When a task will start and end, by live rates and its position, and whether it will miss its due time.',
  }),
  forecastType: get('/queue/forecast', 'category.forecast', 'Forecast', {
    query: 'ForecastQuery',
    errors: ['invalid_category'],
    inside: true,
    summary: 'The same for a task of a category that would be enqueued now.',
  }),
  setQuota: row({
    method: 'PUT',
    path: '/queue/admin/clients/{id}/quota',
    access: 'client.quota',
    body: 'Quota',
    answer: 'Quota',
    status: [200],
    errors: TASK,
    summary: 'How many tasks of a client, and bytes of their payloads, may be unfinished at once; null is any.',
  }),
  quota: get('/queue/quota', 'client.usage', 'Quota', { errors: TASK, inside: true, summary: 'The quota of the client, and what it uses of it.' }),
} as const;
