// docs/config.md and the JSON Schema, both from the declarations: what is not declared cannot be read, and what is declared is
// documented.

import type { Key, Keys, JsonSchema } from './schema.ts';
import { topBlock, topKeys } from './top.ts';

const head = `# Configuration

Generated from the declarations in the source (\`npm run docs\`); do not edit.

One file, given with \`--config.file\`. Everything that Prometheus knows keeps its name, place, default and meaning; everything else stands
under \`tributary\`. A gzipped file, as the Prometheus operator writes it, is unpacked, and \`$(NAME)\` in its values is taken from the
environment (one that is not set is a problem). Unknown keys, duplicate keys and values of the wrong type are refused, all
problems at once, as \`file:line:column: path: what is wrong, what is expected\`. \`tributary check config FILE\` tells the same without starting.

- **duration**: whole numbers with units in descending order, \`1h30m\`; units y, w, d, h, m, s, ms.
- **size**: numbers with units, powers of 1024: B, KB, MB, GB, TB, PB, EB, or KiB, MiB and so on.
- **secret**: text that is printed as \`<secret>\` everywhere.
- **path**: a relative one begins at the folder of the file that it is written in.
- A key without a value (null) has the zero value of its type, as in Prometheus: \`honor_timestamps:\` alone is false.

Keys marked *no effect* are accepted, so that a file of Prometheus works as it is, and listed by \`check config\`, in the log at start and
on the page when they differ from their default.
`;

/** The text of docs/config.md. */
export function renderConfigDocs(): string {
  const sections: string[] = [head];
  renderSection('', topKeys, sections, new Map());
  return `${sections.join('\n').trimEnd()}\n`;
}

/** A block that stands at several places is described once; the others refer to it. */
function renderSection(path: string, keys: Keys, sections: string[], known: Map<string, string>): void {
  const names = new Set(Object.keys(keys));
  known.set(shapeOf(keys), path);
  const rows: string[] = [];
  const nested: (readonly [path: string, keys: Keys])[] = [];
  for (const [name, declared] of Object.entries(keys)) {
    const at = path === '' ? name : `${path}.${name}`;
    rows.push(row(name, declared, at, known, nested));
  }
  sections.push(`## ${path === '' ? 'Top level' : `\`${path}\``}\n`);
  if (names.has('bearer_token')) sections.push('The keys of an HTTP client stand directly in this section.\n');
  sections.push('| key | type | default | limit | meaning |', '|---|---|---|---|---|', ...rows, '');
  for (const [at, own] of nested) renderSection(at, own, sections, known);
}

function row(name: string, declared: Key<unknown>, at: string, known: Map<string, string>, nested: (readonly [string, Keys])[]): string {
  const own = declared.type.keys;
  const notes = [declared.doc];
  if (declared.noEffect !== undefined) notes.push(`*No effect: ${declared.noEffect}.*`);
  if (own !== undefined) {
    const elsewhere = known.get(shapeOf(own));
    const place = childPath(declared, at);
    if (elsewhere === undefined) {
      known.set(shapeOf(own), place);
      nested.push([place, own]);
    }
    notes.push(`Keys: \`${elsewhere ?? place}\`.`);
  }
  return `| \`${name}\` | ${typeText(declared)} | ${defaultText(declared)} | ${cell(declared.limit ?? '')} | ${cell(notes.join(' '))} |`;
}

function childPath(declared: Key<unknown>, at: string): string {
  if (declared.type.name.startsWith('list')) return `${at}[]`;
  return declared.type.name.startsWith('map') ? `${at}.<name>` : at;
}

/** Blocks with the same keys are the same block. */
function shapeOf(keys: Keys): string {
  return Object.keys(keys).join(',');
}

function typeText(declared: Key<unknown>): string {
  const unit = declared.unit === undefined || declared.unit === declared.type.name ? '' : ` (${declared.unit})`;
  return cell(`${declared.type.name}${unit}`);
}

function defaultText(declared: Key<unknown>): string {
  if (declared.defaultText !== undefined) return cell(declared.defaultText);
  if (declared.default === undefined) return '';
  const plain = declared.type.print(declared.default);
  if (plain === '' || typeof plain === 'object') return '';
  return cell(`\`${typeof plain === 'string' ? plain : JSON.stringify(plain, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))}\``);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** A JSON Schema of the whole file, for editors. The checks of a load are stricter. */
export function jsonSchema(): JsonSchema {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Configuration of Tributary', ...topBlock.json };
}
