// `npm run dev`: the line at work with fakes. A page server with values that change, a receiver that only counts, and the collector built from
// the current sources between them. Ends with Ctrl-C.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensure, root } from './ensure.mjs';

/** Series of the fake page: enough to look like a small exporter. */
const series = 200;

ensure();
const pages = await serve((_request, response) => {
  response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
  response.end(fakePage());
});
const receiver = await serve((request, response) => {
  let bytes = 0;
  request.on('data', (chunk) => (bytes += chunk.length));
  request.on('end', () => {
    console.log(`receiver: ${bytes} bytes, ${request.headers['content-encoding'] ?? 'plain'}`);
    response.writeHead(204).end();
  });
});

mkdirSync(join(root, '.cache'), { recursive: true });
const folder = mkdtempSync(join(root, '.cache', 'dev-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'tributary.yml');
writeFileSync(file, configuration());
const program = join(root, 'dist', 'main.js');
const flags = [`--config.file=${file}`, `--storage.agent.path=${join(folder, 'queue')}`, '--web.listen-address=127.0.0.1:9090', '--web.enable-lifecycle'];
process.argv = [process.argv[0], program, ...flags, ...process.argv.slice(2)];
console.log('Page: http://127.0.0.1:9090/');
await import(pathToFileURL(program).href);

function configuration() {
  return `global: {scrape_interval: 2s}
scrape_configs:
  - job_name: fake
    static_configs: [{targets: ['127.0.0.1:${pages}']}]
remote_write:
  - {name: fake, url: 'http://127.0.0.1:${receiver}/api/v1/write'}
`;
}

function fakePage() {
  const lines = ['# TYPE dev_value gauge'];
  for (let i = 0; i < series; i++) lines.push(`dev_value{number="${i}"} ${Math.round(Math.random() * 1000)}`);
  return `${lines.join('\n')}\n`;
}

/** Listens on a free port and returns it. */
function serve(handler) {
  return new Promise((resolve) => {
    const server = createServer(handler);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}
