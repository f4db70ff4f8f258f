// Pages for runs with outages: some 600 series with values that do not compress, a tenth of the pods replaced on every page. A page is a function of seed
// and number, so that what a storage holds can be compared with what was on it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const gauges = 500;
const pods = 100;
/** Pages that a pod is on. */
const podLife = 10;

/** Tells which page a scrape got. */
export const pageNumberName = 'outage_page';

export interface OutageTarget {
  readonly address: string;
  /** Pages that were answered: the number is the index + 1, the value when the last byte was handed over (epoch, ms); undefined for one that broke. */
  readonly answeredMs: readonly (number | undefined)[];
  stop(): Promise<void>;
}

/** Series, told as `<name> <label value>`, to value. */
export function pageSeries(seed: number, number: number): Map<string, number> {
  const series = new Map([[`${pageNumberName} `, number]]);
  for (let i = 0; i < gauges; i++) series.set(`outage_value ${i}`, noise(seed, number, i));
  for (let i = 0; i < pods; i++) series.set(`outage_pod ${i}-${Math.floor((number + i) / podLife)}`, noise(seed, number, gauges + i));
  return series;
}

/** An integer of 32 bits: exact in every storage. */
function noise(seed: number, number: number, i: number): number {
  let mixed = Math.imul(seed ^ (number * 1009 + i), 0x9e3779b1) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 0;
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

export async function startOutageTarget(seed: number): Promise<OutageTarget> {
  const answeredMs: (number | undefined)[] = [];
  const server = createServer((_request, response) => {
    const number = answeredMs.push(undefined);
    response.on('finish', () => (answeredMs[number - 1] = Date.now()));
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end([...pageSeries(seed, number)].map(([series, value]) => `${seriesLine(series)} ${value}\n`).join(''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    answeredMs,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function seriesLine(series: string): string {
  const [name, part] = series.split(' ') as [string, string];
  return part === '' ? name : `${name}{part="${part}"}`;
}
