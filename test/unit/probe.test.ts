import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startAgent } from '../../src/agent.ts';
import { buildInfo } from '../../src/cli/build-info.ts';
import { parseCommandLine } from '../../src/cli/flags.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

test('probe', { timeout: 60_000 }, async () => {
  let n = 0;
  const exporter = createServer((q, r) => {
    n++;
    const lines = Array.from({ length: 600 }, (_, i) => `m{i="${i % 3 === 0 ? i : `${n}-${i}`}",b="x${i % 7}"} ${n}\n`);
    if (n % 11 === 0) lines.splice(300, 0, '{{{\n');
    if (n % 13 === 0) { r.writeHead(503).end(); return; }
    if (n % 17 === 0) { r.writeHead(200, { 'content-type': 'text/plain' }).end(); return; }
    if (n % 5 === 0) lines.push(...Array.from({ length: 20 }, (_, i) => `t{i="${i % 5}"} ${i} ${Date.now() - 5000 + i * 10}\n`));
    r.writeHead(200, { 'content-type': 'text/plain' }).end(lines.join(''));
  });
  await new Promise<void>((r) => exporter.listen(0, '127.0.0.1', r));
  const e = (exporter.address() as AddressInfo).port;
  let bytes = 0; let posts = 0;
  const sink = createServer((q, r) => {
    q.on('data', (d: Buffer) => (bytes += d.length));
    q.on('end', () => { posts++; const x = Math.random(); setTimeout(() => { if (x < 0.05) r.socket!.destroy(); else r.writeHead(x < 0.2 ? 503 : x < 0.25 ? 429 : x < 0.27 ? 400 : x < 0.29 ? 413 : 204).end('no'); }, Math.random() * 50); });
  });
  await new Promise<void>((r) => sink.listen(0, '127.0.0.1', r));
  const s = (sink.address() as AddressInfo).port;
  const folder = mkdtempSync(join(tmpdir(), 'probe-'));
  const config = (k: number) => {
    const jobs = Array.from({ length: 6 }, (_, j) => j).filter((j) => (k + j) % 5 !== 0).map((j) => `- {job_name: j${j}, scrape_interval: ${j % 2 ? '200ms' : '300ms'}, ${k % 3 === 0 ? 'sample_limit: 700,' : ''} static_configs: [{targets: [${Array.from({ length: 3 }, (_, t) => `'127.0.0.1:${e}'`).slice(0, 1 + (k % 3)).join(', ')}], labels: {k: '${k % 4 === 0 ? 'x' : 'y'}'}}], metric_relabel_configs: [{action: drop, source_labels: [b], regex: x${k % 2}}]}`);
    const rw = ['a', 'b', 'c'].filter((_, i) => (k >> 1) % 4 !== i).map((name, i) => `- {name: ${name}, url: 'http://127.0.0.1:${s}/${i === 0 ? 'api/v1/write' : 'w'}', ${i === 1 || k % 6 === 0 ? `write_relabel_configs: [{action: labeldrop, regex: 'b'}],` : ''} queue_config: {min_backoff: 5ms, max_backoff: 50ms}, send_exemplars: true}`);
    return `global: {external_labels: {r: '${k % 7 < 3 ? 'p' : 'q'}'}}\nscrape_configs:\n${jobs.join('\n')}\nremote_write:\n${rw.join('\n')}\ntributary: {queue: {max_bytes: 30MiB, segment_bytes: 128KiB}}\n`;
  };
  writeFileSync(join(folder, 'c.yml'), config(0));
  const command = parseCommandLine([`--config.file=${join(folder, 'c.yml')}`, `--storage.agent.path=${join(folder, 'd')}`, '--web.listen-address=127.0.0.1:0', '--storage.remote.flush-deadline=5s']);
  if (command.kind !== 'run') throw new Error('x');
  const lines: string[] = [];
  const logger = createLogger({ level: 'error', format: 'logfmt', write: (l) => void lines.push(l) });
  const agent = await startAgent({ flags: command.flags, build: buildInfo, logger, startedMs: 0, requestQuit: () => undefined });
  const { port: web } = agent.addresses[0]!;
  for (let k = 1; k < 60; k++) {
    writeFileSync(join(folder, 'c.yml'), config(k));
    const result = await agent.reload();
    if (!result.ok) console.log(result.error);
    await new Promise((r) => setTimeout(r, 100 + Math.random() * 200));
    if (k % 10 === 0) {
      const d = (await (await fetch(`http://127.0.0.1:${web}/api/v1/status/destinations`)).json()) as { data: { destinations: { name: string; identityHolds: boolean; state: string; counters: object }[] } };
      for (const x of d.data.destinations) { expect(x.identityHolds).toBe(true); console.log(k, x.name, x.state, JSON.stringify(x.counters)); }
    }
  }
  const m = await (await fetch(`http://127.0.0.1:${web}/metrics`)).text();
  console.log(m.split('\n').filter((l) => /^(process_open|process_res|tributary_series_(samples_dropped|samp|added|removed)|tributary_series |tributary_scrape_failures|nodejs)/.test(l)).join('\n'));
  const t0 = Date.now();
  await agent.stop();
  console.log('stopped in', Date.now() - t0, { n, posts, bytes });
  console.log([...new Set(lines.map((l) => l.replace(/time=\S+/, '').slice(0, 300)))].slice(0, 15).join(''));
  exporter.closeAllConnections(); sink.closeAllConnections(); exporter.close(); sink.close();
});
