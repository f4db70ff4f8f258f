// An event loop that stands still for half a second, with the native sampler and the system's clock: the thread goes on, and every window arrives. Left out where the addon
// was not built.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/io/clock.ts';
import { loadNativeSampler } from '../../../src/roce/native-sampler.ts';
import { StageWorld } from './stage-world.ts';

const native = loadNativeSampler();
const received = 'node_infiniband_port_data_received_bytes_total';

test.runIf('addon' in native)('while the event loop stands still the sampler goes on, and no window is missing', async () => {
  const world = new StageWorld({ clock: systemClock, native });
  world.addPort('mlx5_0', { port_rcv_data: String(0).padStart(20, '0'), port_xmit_data: '0' });
  let words = 0;
  const writer = setInterval(() => world.write('mlx5_0', 'port_rcv_data', String((words += 100)).padStart(20, '0')), 10);
  world.apply();
  const windows = () => world.samples(received).map(({ timestampMs }) => timestampMs);
  try {
    while (windows().length === 0) await sleep(20);
    const before = world.stage.state()!;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    const after = world.stage.state()!;
    expect(after.ticks).toBeGreaterThan(before.ticks);
    const blockedMs = windows().at(-1)!;
    while (windows().at(-1)! < blockedMs + 2000) await sleep(20);
    const times = windows();
    expect(times).toEqual(times.map((_, i) => times[0]! + 1000 * i));
    const rows = await Promise.all(['', '_read', '_overwritten'].map((which) => world.metric(`tributary_sampler_ring${which}_rows_total`)));
    expect(rows).toEqual([rows[0], rows[0], 0]);
  } finally {
    clearInterval(writer);
    await world.close();
  }
});
