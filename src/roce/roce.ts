// The stage: finds what can be sampled, keeps a sampler running on it, and brings the series that its windows become into the line.
//
//     discover -> plan -> sampler -> rows -> series -> line, or the page of /metrics
//
// It lives with the machine. Every ten seconds it looks again for what is there: when a port appeared, vanished or changed, the sampler is started anew, and series of what is
// gone end with staleness markers. A sampler that cannot run, a device that is not there, a file that holds nonsense are told and waited for; nothing here ends the process.

import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RoceSettings } from './config.ts';
import type { Discovery, FoundPort, Scan } from './discover.ts';
import { Notices } from './notices.ts';
import { noteFailures, noteLifespans, notePolicy, notePorts } from './port-notices.ts';
import { Outbox, samplesOf } from './outbox.ts';
import { planRoce } from './plan.ts';
import { RoceMetrics } from './roce-metrics.ts';
import { RunningSampler, type Native } from './running.ts';
import type { Rows } from './sampler.ts';
import type { RoceSeries } from './series.ts';
import type { RoceState } from './state.ts';
import { createDiscovery, setLifespans } from './surroundings.ts';
import { WallClock } from './wall-clock.ts';
import type { RoceFamily } from './windows/families.ts';
import type { WindowSettings } from './windows/settings.ts';
import { RoceWindows } from './windows/windows.ts';

/** Between two looks at what is there, milliseconds. */
const rescanMs = 10_000;
/** Rows are fetched ten times a window, and within these limits. Milliseconds. */
const drainMsMin = 100;
const drainMsMax = 500;

export interface RoceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly native: Native;
  /** Brings series into the line; false: not now. */
  readonly append: (batch: readonly RoceSeries[], settings: RoceSettings) => Promise<boolean>;
}

const noRows: Rows = { windows: [], bursts: [], captureStarts: [], captures: [] };

/** While there are settings. */
interface Active {
  readonly settings: RoceSettings;
  readonly discovery: Discovery;
  readonly windows: RoceWindows;
}

export class Roce {
  readonly #options: RoceOptions;
  readonly #metrics: RoceMetrics;
  readonly #notices: Notices;
  readonly #wall: WallClock;
  /** Outlives settings: what waits has those that it was made with. */
  readonly #outbox: Outbox<RoceSettings>;
  #active: Active | undefined;
  #running: RunningSampler | undefined;
  /** Of timestamps from the sampler's clock: it gets no smaller while they are ahead of the wall clock. */
  #offsetNs = -Infinity;
  #timers: Timer[] = [];

  constructor(options: RoceOptions) {
    const { clock, logger, metrics } = options;
    this.#options = options;
    this.#metrics = new RoceMetrics(metrics);
    this.#notices = new Notices(logger);
    this.#wall = new WallClock(clock);
    this.#outbox = new Outbox<RoceSettings>({
      clock,
      // The page tells the last windows by itself.
      append: (batch, settings) => (settings.output === 'metrics' ? Promise.resolve(true) : options.append(batch, settings)),
      onAppended: () => this.#notices.over('line', 'the line takes counters again'),
      onDropped: (batch) => {
        this.#metrics.dropped.with('waiting').inc(samplesOf(batch));
        this.#notices.warn('line', 'the line takes no counters, the oldest windows that waited for it are dropped');
      },
      onFailed: (error) => this.#notices.warn('line', `counters could not be appended: ${errorText(error)}`),
    });
    metrics.beforeExposition(() => {
      if (this.#running !== undefined) this.#metrics.show(this.#running.figures(), this.#running.rowCounts);
      this.#metrics.showPending(this.#outbox.bytes);
      if (this.#active !== undefined) this.#metrics.showSamples(this.#active.windows.figures());
    });
    metrics.addText(() => (this.#active?.settings.output === 'metrics' ? this.#active.windows.page() : ''));
  }

  /** Settings in force from now on; equal ones change nothing. Undefined, or not enabled: all series end. */
  apply(settings: RoceSettings | undefined): void {
    const wanted = settings?.enabled === 'false' ? undefined : settings;
    if (isDeepStrictEqual(wanted, this.#active?.settings)) return;
    const windows = wanted === undefined ? undefined : this.#keptWindows(wanted);
    if (windows === undefined) this.#end(true);
    else this.#pause();
    if (wanted !== undefined) this.#begin(wanted, windows ?? new RoceWindows());
  }

  /** What the sampler has goes into the line; series do not end, they go on when the process does. */
  async stop(): Promise<void> {
    this.#end(false);
    const left = await this.#outbox.close();
    if (left > 0) this.#metrics.dropped.with('stopped').inc(left);
  }

  /** Undefined while nothing is asked for. */
  state(): RoceState | undefined {
    if (this.#active === undefined) return undefined;
    const { settings } = this.#active;
    const { native } = this.#options;
    const running = this.#running;
    const figures = running?.figures();
    const lastWindowNs = running?.watch.lastWindowNs;
    return {
      sampler: running === undefined ? 'none' : 'addon' in native ? 'native' : 'typescript',
      reason: 'reason' in native ? native.reason : '',
      policy: figures?.policy ?? '', output: settings.output,
      intervalSeconds: (running?.plan.sampler.reduction.periodNs ?? settings.intervalNs) / 1e9, windowSeconds: settings.windowNs / 1e9,
      ticks: figures?.ticks ?? 0, missedTicks: figures?.missed ?? 0, latenessP99Seconds: (figures?.latenessP99Ns ?? 0) / 1e9,
      producedRows: running?.rowCounts.produced ?? 0, overwrittenRows: running?.rowCounts.overwritten ?? 0, captures: running?.watch.captures ?? 0,
      lastWindowMs: lastWindowNs === undefined ? undefined : (lastWindowNs + this.#offsetNs) / 1e6,
      pendingBytes: this.#outbox.bytes,
      ports: running?.watch.ports(this.#offsetNs) ?? [], sources: figures === undefined ? [] : running!.watch.sources(figures),
      problems: this.#notices.problems(),
    };
  }

  /** TYPE, HELP and UNIT of what is made here. */
  families(): readonly RoceFamily[] {
    return this.#active?.windows.families() ?? [];
  }

  /** Series with the same labels go on under other settings. */
  #keptWindows(wanted: RoceSettings): RoceWindows | undefined {
    const active = this.#active;
    const isKept = active !== undefined && active.settings.output === wanted.output && isDeepStrictEqual(active.settings.labels, wanted.labels);
    return isKept ? active.windows : undefined;
  }

  #begin(settings: RoceSettings, windows: RoceWindows): void {
    const { native } = this.#options;
    this.#active = { settings, discovery: createDiscovery(settings, native), windows };
    if ('reason' in native) this.#notices.info('native', `counters are read in the event loop, every 10 ms at most: there is no native sampler, ${native.reason}`);
    this.#rescan();
    this.#repeat(rescanMs, () => this.#rescan());
    this.#repeat(Math.min(drainMsMax, Math.max(drainMsMin, settings.windowNs / 1e7)), () => this.#drain());
  }

  /** Looks for what is there, and starts a sampler on it when that changed, or when the last start failed. */
  #rescan(): void {
    const scan = this.#scan();
    if (scan === undefined) return;
    const { ports, hasChanged } = scan;
    if (hasChanged || (this.#running === undefined && this.#notices.has('start'))) this.#restart(ports);
    if (this.#running === undefined) return;
    notePolicy(this.#notices, this.#running);
    noteFailures(this.#notices, this.#running);
  }

  /** What is there is made by drivers: whatever they do, it is tried again. */
  #scan(): Scan | undefined {
    try {
      const scan = this.#active!.discovery.scan();
      this.#notices.over('scan', 'ports can be looked for again');
      return scan;
    } catch (error) {
      this.#notices.warn('scan', `ports could not be looked for: ${errorText(error)}`);
      return undefined;
    }
  }

  #restart(ports: readonly FoundPort[]): void {
    const before = this.#running?.plan.ports ?? [];
    this.#stopSampler();
    // A step that nobody has seen yet would look like an error of measurement.
    this.#followClock();
    const { settings, windows } = this.#active!;
    const { native } = this.#options;
    const { plan, leftOut } = planRoce(settings, ports, 'addon' in native);
    this.#outbox.push(windows.begin(plan, windowSettings(settings), this.#wall.nowMs()), settings);
    notePorts(this.#notices, settings, { ports, before, counters: plan.channels.length, leftOut });
    if (settings.lifespan !== 'keep') noteLifespans(this.#notices, setLifespans(settings.sysfs, ports, settings.lifespan));
    if (plan.channels.length > 0) this.#start(plan);
  }

  #start(plan: RunningSampler['plan']): void {
    const { native, clock } = this.#options;
    try {
      this.#running = new RunningSampler(plan, native, clock, this.#metrics);
    } catch (error) {
      this.#notices.warn('start', `the sampler could not be started: ${errorText(error)}`);
      return;
    }
    this.#notices.over('start', 'the sampler runs');
    const own = this.#running.wallOffsetNs;
    // Differences that are no step come from the measurement.
    this.#offsetNs = this.#wall.aheadMs > 0 ? Math.max(this.#offsetNs, own) : own;
    this.#wall.begin((this.#offsetNs - own) / 1e6);
  }

  #stopSampler(): void {
    if (this.#running === undefined) return;
    const { windows, settings } = this.#active!;
    this.#outbox.push(windows.take(this.#running.stop(), this.#drained()), settings);
    this.#running = undefined;
    this.#notices.forget('source ');
  }

  #drain(): void {
    const { windows, settings } = this.#active!;
    // Also without a sampler: windows wait for their end.
    this.#outbox.push(windows.take(this.#running?.drain() ?? noRows, this.#drained()), settings);
    if (this.#running === undefined) return;
    if (!this.#notices.has('policy')) notePolicy(this.#notices, this.#running);
    this.#followClock();
  }

  #followClock(): void {
    const step = this.#wall.check();
    if (step !== undefined) this.#metrics.steps.with(step.direction).inc();
    const seconds = (step?.stepMs ?? 0) / 1000;
    if (step?.direction === 'forward') {
      this.#options.logger.warn('the wall clock was set forward, windows are aligned anew', { seconds });
      this.#align();
    } else if (this.#wall.isTooFarAhead) {
      this.#options.logger.warn('the wall clock was set back far, series of counters end and begin anew', { seconds });
      this.#align(() => this.#replaceWindows());
    }
    const { aheadMs } = this.#wall;
    if (aheadMs > 0) this.#notices.warn('clock', `the wall clock was set back: timestamps of counters go on ${(aheadMs / 1000).toFixed(1)} s ahead of it until it is there`);
    else this.#notices.over('clock', 'the wall clock is where the timestamps of counters are');
  }

  /** Timestamps are those of the clock from now on, and a sampler that runs begins anew. `end` is done while they are still the old ones. */
  #align(end?: () => void): void {
    const plan = this.#running?.plan;
    this.#stopSampler();
    end?.();
    this.#wall.begin(0);
    if (plan === undefined) return;
    const { settings, windows } = this.#active!;
    // Adds what the last sampler left open: windows of the next one may end sooner.
    this.#outbox.push(windows.begin(plan, windowSettings(settings), this.#wall.nowMs()), settings);
    this.#start(plan);
  }

  /** All series end. Those of the next windows may have earlier timestamps. */
  #replaceWindows(): void {
    this.#endWindows(true);
    this.#active = { ...this.#active!, windows: new RoceWindows() };
  }

  #drained(): { readonly wallOffsetNs: number; readonly nowMs: number } {
    return { wallOffsetNs: this.#offsetNs, nowMs: this.#wall.nowMs() };
  }

  #repeat(everyMs: number, act: () => void): void {
    const { clock } = this.#options;
    const place = this.#timers.length;
    const next = () => {
      this.#timers[place] = clock.after(everyMs, () => {
        next();
        act();
      });
    };
    next();
  }

  #end(isOver: boolean): void {
    if (this.#active === undefined) return;
    this.#pause();
    this.#endWindows(isOver);
    this.#active = undefined;
  }

  #endWindows(isOver: boolean): void {
    const { windows, settings } = this.#active!;
    this.#outbox.push(isOver ? windows.end(this.#wall.nowMs()) : windows.finish(this.#wall.nowMs()), settings);
    this.#metrics.showSamples(windows.figures());
    this.#metrics.endSamples();
  }

  /** Nothing is read or looked for any more. */
  #pause(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#stopSampler();
    this.#notices.forget('');
  }
}

function windowSettings({ histogram: { schema, maxBuckets }, nodeExporterNames, capture: { samplesPerMinute } }: RoceSettings): WindowSettings {
  return { native: { schema, bucketsMax: maxBuckets }, hasNodeExporterNames: nodeExporterNames, captureSamplesPerMinute: samplesPerMinute };
}
