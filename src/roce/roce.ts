// The stage: finds what can be sampled, keeps a sampler running on it, and brings the series that its windows become into the line.
//
//     discover -> plan -> sampler -> rows -> series -> line, or the page of /metrics
//
// It lives with the machine. Every ten seconds it looks again for what is there: when a port appeared, vanished or changed, the sampler is started anew, and series of what is
// gone end with staleness markers. A sampler that cannot run, a device that is not there, a file that holds nonsense are told and waited for; nothing here ends the process.

import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import { compileRegex } from '../relabel/regex.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RoceSettings } from './config.ts';
import { Discovery, type FoundPort, type Scan } from './discover.ts';
import { Notices } from './notices.ts';
import { Outbox, samplesOf } from './outbox.ts';
import { planRoce } from './plan.ts';
import { RoceMetrics } from './roce-metrics.ts';
import { RunningSampler, type Native } from './running.ts';
import type { Rows } from './sampler.ts';
import type { RoceSeries } from './series.ts';
import type { RoceState } from './state.ts';
import { setLifespans, showsOwnInterfaces } from './surroundings.ts';
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
    const { include, exclude, netdevs, virtualFunctions } = settings.devices;
    const anyOf = (patterns: readonly string[]) => {
      const compiled = patterns.map(compileRegex);
      return (name: string) => compiled.some((pattern) => pattern.matches(name));
    };
    const isExcluded = anyOf(exclude);
    const isListed = anyOf(netdevs);
    const discovery = new Discovery(settings.sysfs, {
      ...(include.length > 0 && { include: anyOf(include) }), exclude: isExcluded, netdevs: (name) => isListed(name) && !isExcluded(name), virtualFunctions,
      ...('addon' in native && showsOwnInterfaces(settings.sysfs) && { kernel: native.addon }),
    });
    this.#active = { settings, discovery, windows };
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
    this.#noteFailures();
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
    this.#stopSampler();
    const { settings, windows } = this.#active!;
    const { native } = this.#options;
    const { plan, leftOut } = planRoce(settings, ports, 'addon' in native);
    this.#outbox.push(windows.begin(plan, windowSettings(settings), this.#wall.nowMs()), settings);
    this.#notePorts(ports, plan.channels.length, leftOut);
    if (settings.lifespan !== 'keep') this.#noteLifespans(setLifespans(settings.sysfs, ports, settings.lifespan));
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
    if (!this.#notices.has('policy')) this.#notePolicy(this.#running);
    this.#followClock(this.#running);
  }

  #followClock({ plan }: RunningSampler): void {
    const step = this.#wall.check();
    if (step !== undefined) this.#metrics.steps.with(step.direction).inc();
    if (step?.direction === 'forward') {
      this.#options.logger.warn('the wall clock was set forward, windows are aligned anew', { seconds: step.stepMs / 1000 });
      this.#stopSampler();
      this.#start(plan);
    }
    const { aheadMs } = this.#wall;
    if (aheadMs > 0) this.#notices.warn('clock', `the wall clock was set back: timestamps of counters go on ${(aheadMs / 1000).toFixed(1)} s ahead of it until it is there`);
    else this.#notices.over('clock', 'the wall clock is where the timestamps of counters are');
  }

  #notePorts(ports: readonly FoundPort[], counters: number, leftOut: number): void {
    const { enabled, sysfs } = this.#active!.settings;
    const names = ports.map(({ kind, device, port }) => (kind === 'rdma' ? `${device}/${port}` : device));
    if (counters > 0) this.#notices.info('ports', `${counters} counters of ${names.join(', ')} are sampled`);
    else if (enabled === 'true') this.#notices.warn('ports', `there is nothing to sample below ${sysfs}, though tributary.roce.enabled is true`);
    else this.#notices.info('ports', `there is nothing to sample below ${sysfs}`);
    const unreadable = ports.flatMap(({ device, unreadable: own }) => own.map(({ name, reason }) => `${device} ${name}: ${reason}`));
    const more = unreadable.length > 3 ? ` and ${unreadable.length - 3} more` : '';
    if (unreadable.length > 0) this.#notices.warn('unreadable', `counters that cannot be read are left out: ${unreadable.slice(0, 3).join(', ')}${more}`);
    else this.#notices.over('unreadable', 'all counters can be read');
    if (leftOut > 0) this.#notices.warn('too many', `${leftOut} counters are left out: there are more than can be sampled`);
    else this.#notices.over('too many', 'no counter is left out any more');
  }

  /** The thread asks for it when it begins. */
  #notePolicy(running: RunningSampler): void {
    const how = 'addon' in this.#options.native ? `by the native sampler, scheduled as ${running.figures().policy}` : 'in the event loop';
    if (running.figures().ticks > 0) this.#notices.info('policy', `counters are read ${how}`);
  }

  #noteLifespans(problems: readonly string[]): void {
    const [first] = problems;
    if (first === undefined) this.#notices.over('lifespan', 'lifespans are set');
    else this.#notices.warn('lifespan', `${first}${problems.length > 1 ? ` and ${problems.length - 1} more` : ''}`);
  }

  /** Sources of which readings gave no number since they were looked at last. */
  #noteFailures(): void {
    if (this.#running === undefined) return;
    this.#notePolicy(this.#running);
    for (const { source, failed } of this.#running.newFailures()) {
      if (failed > 0) this.#notices.warn(`source ${source}`, `counters of ${source} cannot be read`);
      else this.#notices.over(`source ${source}`, `counters of ${source} can be read again`);
    }
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
    const { windows, settings } = this.#active;
    this.#pause();
    this.#outbox.push(isOver ? windows.end(this.#wall.nowMs()) : windows.finish(this.#wall.nowMs()), settings);
    this.#metrics.showSamples(windows.figures());
    this.#metrics.endSamples();
    this.#active = undefined;
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
