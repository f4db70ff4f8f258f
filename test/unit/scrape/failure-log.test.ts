import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemDisk } from '../../../src/io/disk.ts';
import type { Target } from '../../../src/model/target.ts';
import { createFailureLog } from '../../../src/scrape/failure-log.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createTestClock } from '../../support/clock.ts';

const target = { job: 'j', url: 'http://a/metrics' } as Target;
let folder = '';
beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'failure-log-'))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

function rig() {
  const clock = createTestClock(0);
  let lost = 0;
  const log = createFailureLog({ clock, disk: systemDisk, logger: silentLogger, lost: { inc: (by = 1) => void (lost += by) } });
  const file = path.join(folder, 'failures.log');
  const lines = () => fs.readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);
  return { clock, log, file, lines, lost: () => lost };
}

describe('scrape failure log', () => {
  test('a line tells time, job, target and error', async () => {
    const { clock, log, file, lines } = rig();
    log.write(file, target, 'server returned HTTP status 500 Internal Server Error');
    await clock.advance(1000);
    expect(lines()).toEqual([
      { time: '1970-01-01T00:00:00.000Z', level: 'ERROR', msg: 'server returned HTTP status 500 Internal Server Error', job_name: 'j', target: 'http://a/metrics' },
    ]);
  });
  test('reopening writes what is gathered and follows a rotated file', async () => {
    const { clock, log, file, lines } = rig();
    log.write(file, target, 'one');
    log.reopen();
    fs.renameSync(file, `${file}.1`);
    log.write(file, target, 'two');
    log.write(file, target, 'three');
    await clock.advance(1000);
    expect(lines()).toMatchObject([{ msg: 'two' }, { msg: 'three' }]);
    expect(fs.readFileSync(`${file}.1`, 'utf8')).toContain('one');
  });
  test('closing leaves no timer', () => {
    const { clock, log, file, lines } = rig();
    log.write(file, target, 'one');
    log.close();
    expect([clock.pending(), lines().length]).toEqual([0, 1]);
  });
  test('lines that cannot be written are counted', async () => {
    const { clock, log, lost } = rig();
    log.write(path.join(folder, 'absent', 'x.log'), target, 'one');
    log.write(path.join(folder, 'absent', 'x.log'), target, 'two');
    await clock.advance(1000);
    expect(lost()).toBe(2);
  });
});
