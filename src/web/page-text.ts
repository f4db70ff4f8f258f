// Figures as people read them, and the page's style.

/** `0.4 s`, `12 s`, `3 min 20 s`, `5 h 10 min`, `2 d 3 h`. */
export function formatAge(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** Powers of 1024: `512 B`, `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1,234 samples/s`; below ten with a decimal. */
export function formatRate(perSecond: number, unit: string): string {
  const figure = perSecond < 10 ? perSecond.toLocaleString('en-US', { maximumFractionDigits: 1 }) : formatCount(Math.round(perSecond));
  return `${figure} ${unit}/s`;
}

const SECONDS_OF_A_YEAR = 365 * 86_400;

/** A forecast from rates of the last minute: beyond a year its figure says nothing. */
export function formatForecast(seconds: number): string {
  return seconds > SECONDS_OF_A_YEAR ? 'over a year' : formatAge(seconds);
}

/** Time until a backlog is gone: `2 h 10 min`; `grows` when it never will be at the present rates; `-` without one, and before it was measured. */
export function formatDrain({ drainSeconds, isFallingBehind }: { readonly drainSeconds: number | undefined; readonly isFallingBehind: boolean }): string {
  if (drainSeconds === undefined) return isFallingBehind ? 'grows' : '-';
  return drainSeconds === 0 ? '-' : formatForecast(drainSeconds);
}

/** The style of every page. */
export const style = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 0; }
header, main, footer { padding: 0.6rem 1.2rem; }
main { overflow-x: auto; }
header { display: flex; gap: 1.5rem; align-items: baseline; border-bottom: 1px solid #8884; }
nav a { margin-right: 0.8rem; }
h2 { font-size: 1.1rem; margin: 1.4rem 0 0.5rem; }
table { border-collapse: collapse; width: 100%; }
table + table { margin-top: 1rem; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.6rem; border-bottom: 1px solid #8883; overflow-wrap: break-word; }
th { white-space: nowrap; }
.names { overflow-wrap: anywhere; }
pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; }
.block td, .facts td { border-bottom: none; }
.block .more td { padding-top: 0; }
.block > tr:last-child { border-bottom: 1px solid #8883; }
@media (min-width: 60rem) { .wide > tr:not(.more) > td { white-space: nowrap; } }
.more p { margin: 0.1rem 0; }
.columns { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; align-items: flex-start; padding: 0.4rem 0; }
.facts { width: auto; }
caption { text-align: left; padding: 0.1rem 0.6rem; }
.facts caption { padding-left: 0; font-weight: 600; }
.facts td { padding: 0 0.8rem 0 0; }
.up, .ready, .sending { color: #16803c; }
.down, .parked { color: #c0232c; font-weight: 600; }
.unknown, .retrying, .starting, .waiting, .stopping { color: #a65f00; }
.alarm { border-left: 4px solid #c0232c; padding: 0.1rem 1rem; margin-bottom: 0.8rem; }
.alarm h2 { margin-top: 0.4rem; }
footer { opacity: 0.7; }
@media (max-width: 40rem) {
  :root { font-size: 12.5px; }
  header, main, footer { padding: 0.5rem 0.7rem; }
  header { flex-wrap: wrap; gap: 0.2rem 1rem; }
  th { white-space: normal; }
  th, td, caption { padding: 0.2rem; }
  .alarm ul { padding-left: 1.2rem; }
}
`;
