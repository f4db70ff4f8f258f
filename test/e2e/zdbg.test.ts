import { test, afterAll } from 'vitest';
import { startReceiver } from '../support/receiver.ts';
import { endAll } from './support/process.ts';
import { startTributary, workplace } from './support/tributary.ts';
afterAll(endAll);
test('z', async () => {
  const r = await startReceiver();
  const t = await startTributary(workplace(`
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: kill, static_configs: [{targets: ['127.0.0.1:1']}]}]
remote_write: [{name: a, url: '${r.url}'}]
`));
  await r.until(() => r.requests.length > 3);
  for (const q of r.requests) console.log(q.status, q.headers['content-encoding'], q.wireBytes, q.content?.series.length);
  console.log(t.output());
  await r.stop();
});
