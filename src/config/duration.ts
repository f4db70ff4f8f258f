// Durations as Prometheus writes them: whole numbers with units in descending order, `1h30m`. Source: prometheus/common model.ParseDuration.

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
/** Units from large to small: a text may use each once, in this order. */
const order = ['y', 'w', 'd', 'h', 'm', 's', 'ms'];
/** Nanoseconds in 63 bits, the range of Go's durations (about 292 years). */
const durationMsMax = 9_223_372_036_854;

export type DurationResult = { readonly ok: true; readonly ms: number } | { readonly ok: false; readonly text: string };

/** Parses a duration to milliseconds. Example: `1h30m` is 5,400,000. */
export function parseDuration(text: string): DurationResult {
  if (text === '0') return { ok: true, ms: 0 };
  if (text === '') return { ok: false, text: 'empty duration string' };
  let rest = text;
  let total = 0;
  let last = -1;
  while (rest !== '') {
    const number = /^[0-9]+/.exec(rest)?.[0];
    if (number === undefined) return invalid(text);
    rest = rest.slice(number.length);
    const unit = /^[^0-9]*/.exec(rest)?.[0] ?? '';
    if (unit === '') return invalid(text);
    const place = order.indexOf(unit);
    if (place === -1) return { ok: false, text: `unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}` };
    if (place <= last) return invalid(text);
    last = place;
    rest = rest.slice(unit.length);
    total += Number(number) * (unitMs[unit] ?? 0);
    if (total > durationMsMax) return { ok: false, text: 'duration out of range' };
  }
  return { ok: true, ms: total };
}

function invalid(text: string): DurationResult {
  return { ok: false, text: `not a valid duration string: ${JSON.stringify(text)}` };
}

/** Prints milliseconds as Prometheus does: years and weeks only when exact, zero as `0s`. */
export function printDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = ms;
  let text = '';
  for (const unit of order) {
    const size = unitMs[unit] ?? 1;
    if ((unit === 'y' || unit === 'w') && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
