// Moments as Prometheus' API writes them.

/** Go's zero time: what an API field holds when the thing never happened. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** RFC 3339 knows the years 1 to 9999; a page may give its samples any timestamp. Milliseconds since the epoch. */
const TIME_RANGE_MS = { min: Date.parse(ZERO_TIME), max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) };

/** RFC 3339 in UTC, with the fraction as far as it is known; milliseconds since the epoch in. What lies outside of the years 1 to 9999 is moved to their edge. */
export function formatTime(ms: number | undefined): string {
  if (ms === undefined) return ZERO_TIME;
  const inRange = Math.min(TIME_RANGE_MS.max, Math.max(TIME_RANGE_MS.min, ms));
  const whole = Math.floor(inRange);
  const micros = Math.floor((inRange - whole) * 1000);
  const seconds = new Date(whole).toISOString().slice(0, 19);
  const fraction = `${String(((whole % 1000) + 1000) % 1000).padStart(3, '0')}${String(micros).padStart(3, '0')}`.replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`}Z`;
}
