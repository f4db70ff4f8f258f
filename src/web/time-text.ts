// Moments as Prometheus' API writes them.

/** Go's zero time: what an API field holds when the thing never happened. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** RFC 3339 in UTC, with the fraction as far as it is known; milliseconds since the epoch in. */
export function formatTime(ms: number | undefined): string {
  if (ms === undefined) return ZERO_TIME;
  const whole = Math.floor(ms);
  const micros = Math.floor((ms - whole) * 1000);
  const seconds = new Date(whole).toISOString().slice(0, 19);
  const fraction = `${String(((whole % 1000) + 1000) % 1000).padStart(3, '0')}${String(micros).padStart(3, '0')}`.replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`}Z`;
}
