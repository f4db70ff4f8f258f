// Sizes as Prometheus writes them: numbers with units, powers of 1024 throughout (`10MB` and `10MiB` are both 10 * 1024^2).
// Source: the units package that Prometheus parses body_size_limit with.

const prefixes = ['', 'K', 'M', 'G', 'T', 'P', 'E'];
const sizeMax = 2 ** 63;

export type SizeResult = { readonly ok: true; readonly bytes: number } | { readonly ok: false; readonly text: string };

/** Parses a size to bytes. Several parts add up (`1MB512KB`); `0` needs no unit; a sign is allowed. */
export function parseSize(text: string): SizeResult {
  const binary = parseWith(text, 'iB');
  return binary.ok ? binary : parseWith(text, 'B');
}

function parseWith(text: string, suffix: string): SizeResult {
  const unsigned = text.replace(/^[-+]/, '');
  if (unsigned === '0') return { ok: true, bytes: 0 };
  if (unsigned === '') return { ok: false, text: `units: invalid ${text}` };
  let rest = unsigned;
  let total = 0;
  while (rest !== '') {
    const number = /^(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)/.exec(rest)?.[0];
    if (number === undefined) return { ok: false, text: `units: invalid ${text}` };
    rest = rest.slice(number.length);
    const unit = /^[^0-9.]*/.exec(rest)?.[0] ?? '';
    rest = rest.slice(unit.length);
    const power = unit === 'B' ? 0 : prefixes.findIndex((prefix) => prefix !== '' && unit === prefix + suffix);
    if (power === -1) return { ok: false, text: `units: unknown unit ${unit} in ${text}` };
    total += Number(number) * 1024 ** power;
  }
  if (total >= sizeMax) return { ok: false, text: 'units: overflow parsing unit' };
  return { ok: true, bytes: Math.trunc(text.startsWith('-') ? -total : total) };
}

/** Prints bytes with the largest unit that divides them; parses back to the same number. */
export function printSize(bytes: number): string {
  if (bytes === 0) return '0B';
  let power = 0;
  let count = bytes;
  while (power < prefixes.length - 1 && count % 1024 === 0) {
    count /= 1024;
    power++;
  }
  return power === 0 ? `${count}B` : `${count}${prefixes[power]}iB`;
}
