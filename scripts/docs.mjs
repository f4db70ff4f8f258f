// `npm run docs`: writes what documents take from the code: docs/config.md and docs/masters.schema.json from the declarations of keys, and the table of
// families in docs/metrics.md from the declarations of the metrics. test/tidy.test.ts fails while they differ.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';
import { ensureInstalled, ensureNode, root } from './ensure.mjs';

ensureNode();
ensureInstalled();
const { renderConfigDocs } = await load('src/config/docs.ts', 'config-docs');
writeFileSync(join(root, 'docs', 'config.md'), renderConfigDocs());
console.log('docs/config.md written');

const { renderDocumentSchema } = await load('src/destinations/masters/document-keys.ts', 'document-keys');
writeFileSync(join(root, 'docs', 'masters.schema.json'), renderDocumentSchema());
console.log('docs/masters.schema.json written');

const { recordFamilies, renderFamilies } = await load('test/support/metric-families.ts', 'metric-families');
const file = join(root, 'docs', 'metrics.md');
const [before, after] = readFileSync(file, 'utf8').split(/(?<=<!-- families -->\n)[\s\S]*(?=<!-- end of families -->)/);
writeFileSync(file, `${before}${renderFamilies(recordFamilies())}${after}`);
console.log('docs/metrics.md: table of families written');

async function load(entry, name) {
  return import(pathToFileURL(await bundle(entry, name)).href);
}
