// A crawler that is polite: however many workers crawl, each host is asked for one page at a time, and for so many a second.
//
//   node --conditions=prismq-source examples/crawler.ts http://127.0.0.1:8080/
//
// Links to the same host are followed; PRISMQ_DB is a file, so that a crawl that was stopped goes on.
import { openQueue, startWorker } from 'prismq';

const [start = 'http://127.0.0.1:8080/'] = process.argv.slice(2);
await using queue = await openQueue(process.env['PRISMQ_DB'] ?? ':memory:', { janitorMs: 100 });
const acme = queue.client('acme');
await acme.enqueue('Crawl.Page', { url: start }, page(start));

const { limits } = queue.admin().inside('acme', 'so that we are welcome');
await limits.set('polite', { key: 'host:*', concurrency: 1, rate: Number(process.env['PAGES'] ?? 10), perMs: Number(process.env['PER_MS'] ?? 1000) });

/** A page once, whoever finds it; its host is what the limit counts. */
function page(url: string): { idempotencyKey: string; limitKey: string; maxAttempts: number } {
  return { idempotencyKey: url.slice(0, 255), limitKey: `host:${new URL(url).host}`, maxAttempts: 3 };
}

const crawl = async (input: unknown): Promise<{ links: number }> => {
  const { url } = input as { url: string };
  const response = await fetch(url, { redirect: 'error' });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  const links = [...(await response.text()).matchAll(/href="([^"#]+)"/g)]
    .map(([, href]) => new URL(href ?? '', url))
    .filter((link) => link.host === new URL(url).host);
  await acme.enqueueMany(links.map(({ href }) => ({ type: 'Crawl.Page', payload: { url: href }, ...page(href) })));
  console.log(`crawled ${url}: ${links.length} links`);
  return { links: links.length };
};

// Several workers, here and on other machines: the limit holds over all of them.
const workers = ['one', 'two', 'three'].map((name) => startWorker(queue, { 'Crawl.*': crawl }, { name, concurrency: 4, pollMs: 50 }));

for (;;) {
  const { byStatus } = await acme.stats();
  if (byStatus.queued + byStatus.leased + byStatus.failed === 0) {
    console.log(`done: ${byStatus.completed} pages, ${byStatus.dead_letter} given up`);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}
for (const worker of workers) await worker.stop();
