// One target's scrapes: asks for the page when the schedule says so, feeds it to the reader as it arrives and ends the scrape at the series
// stage. One object lives as long as its target and receives all answers itself, so that a scrape allocates close to nothing.
//
// How a scrape ends (Prometheus reads the body first and parses it then; here both happen together, with the same outcome):
// - the answer is not 200, the connection fails, time is up, the encoding is broken, the body reaches its limit: nothing of the page counts,
//   even if lines of it were read already;
// - a line is wrong or breaks a limit: the rest of the body is still received (a failure there goes first), the page counts up to that line;
// - an empty body is good, whatever its Content-Type.
//
// A tick that comes while the scrape before it still runs waits for it; a second one is skipped and counted. That is Go's ticker, and it keeps
// a target that hangs for its whole timeout at one result per interval.

import { createPageReader } from '../exposition/page-reader.ts';
import type { PageReader } from '../exposition/page-reader.ts';
import { acceptHeader, chooseFormat } from '../exposition/negotiation.ts';
import type { HttpClient, PreparedGet, StreamFailure, StreamHandle, StreamHandler } from '../io/http/types.ts';
import type { Clock } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import { ScrapeError } from '../model/scrape-error.ts';
import type { ScrapeErrorClass } from '../model/scrape-error.ts';
import type { Target } from '../model/target.ts';
import { intervalText } from '../targets/build.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Histogram } from '../telemetry/metrics.ts';
import type { ScrapeSettings } from './config.ts';
import type { FailureLog } from './failure-log.ts';
import { bodySizeError, gunzipBody } from './gunzip.ts';
import type { GzipBody, PlainSink } from './gunzip.ts';
import type { ScrapeMetrics } from './metrics.ts';
import type { PageSeries, ScrapeResult } from './page-series.ts';
import { nextGridMs } from './schedule.ts';
import type { ScheduleEntry } from './schedule.ts';

/** What all loops share. */
export interface LoopEnvironment {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ScrapeMetrics;
  readonly failureLog: FailureLog;
  /** A queue that must not drop anything is full: no scrape begins. */
  readonly isBlocked: () => boolean;
  /** Scrapes running now, over all loops. */
  inFlight: number;
}

export interface LoopConfig {
  readonly target: Target;
  readonly settings: ScrapeSettings;
  /** Absent when it could not be built: every scrape fails with the error. */
  readonly client: HttpClient | ScrapeError;
  readonly offsetMs: number;
}

/** How the last scrape went. Times are wall times in milliseconds. */
export interface LoopState {
  readonly health: 'unknown' | 'up' | 'down';
  /** Empty after a good scrape. */
  readonly lastError: string;
  readonly errorClass: ScrapeErrorClass | undefined;
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationSeconds: number;
  readonly lastSamples: number;
  /** After and before decompression. */
  readonly lastBodyBytes: number;
  readonly lastWireBytes: number;
}

/** A scrape's timestamp is the grid's when it starts at most this late, and at most this part of the interval. Source: Prometheus scrape.go. */
const SNAP_MS_MAX = 2;
const SNAP_PART = 0.01;

export class ScrapeLoop implements ScheduleEntry, StreamHandler, PlainSink {
  dueMs = 0;
  place = -1;
  series: PageSeries;
  health: LoopState['health'] = 'unknown';
  lastError = '';
  errorClass: ScrapeErrorClass | undefined;
  lastScrapeMs: number | undefined;
  lastScrapeDurationSeconds = 0;
  lastSamples = 0;
  lastBodyBytes = 0;
  lastWireBytes = 0;

  readonly #env: LoopEnvironment;
  #config: LoopConfig;
  #get: PreparedGet | undefined;
  #intervalLength: Histogram;
  /** Every scrape fails with it, without asking the target. */
  #refusal: ScrapeError | undefined;
  readonly #readers: Partial<Record<'text' | 'openmetrics', PageReader>> = {};
  #note: string | undefined;
  /** The grid time of a tick that waits for the running scrape; 0 for none. */
  #waitingTickMs = 0;
  #stopped = false;
  #afterScrape: (() => void)[] = [];

  // The scrape that is running.
  #isRunning = false;
  #handle: StreamHandle | undefined;
  #timestampMs = 0;
  #startedMs = 0;
  #contentType: string | undefined;
  #gzip: GzipBody | undefined;
  #reader: PageReader | undefined;
  #wireBytes = 0;
  #plainBytes = 0;
  /** The scrape has failed as a whole; what still arrives is not looked at. */
  #failure: ScrapeError | undefined;
  /** A line of the page is wrong. */
  #pageError: ScrapeError | undefined;

  constructor(env: LoopEnvironment, config: LoopConfig, series: PageSeries) {
    this.#env = env;
    this.series = series;
    this.#config = config;
    this.#intervalLength = this.#prepare();
  }

  get target(): Target {
    return this.#config.target;
  }

  get settings(): ScrapeSettings {
    return this.#config.settings;
  }

  get offsetMs(): number {
    return this.#config.offsetMs;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** From the next scrape on; one that runs ends as it began. */
  configure(config: LoopConfig): void {
    this.#config = config;
    this.series.retarget(config.target);
    this.#intervalLength = this.#prepare();
  }

  /** The same target with other provenance: address, headers and schedule stay. */
  retarget(target: Target): void {
    this.#config = { ...this.#config, target };
    this.series.retarget(target);
  }

  /** Scrapes fail with `error` from now on, or work again: the job has too many targets. */
  refuse(error: ScrapeError | undefined): void {
    this.#refusal = error;
  }

  /** Calls back when no scrape runs: at once, or after the one that does. */
  whenIdle(callback: () => void): void {
    if (this.#isRunning) this.#afterScrape.push(callback);
    else callback();
  }

  /** Puts another series stage in the old one's place. Only while idle. */
  replaceSeries(series: PageSeries): void {
    this.series = series;
    delete this.#readers.text;
    delete this.#readers.openmetrics;
  }

  /** Ends without a trace: a running scrape is cancelled and not counted, nothing is called back. */
  stop(): void {
    this.#stopped = true;
    this.#afterScrape = [];
    this.#gzip?.abort();
    this.#handle?.abort();
    this.#leaveScrape();
  }

  run(nowMs: number): number {
    const intervalMs = this.target.scrapeIntervalMs;
    const missed = Math.floor((nowMs - this.dueMs) / intervalMs);
    const tickMs = this.dueMs + missed * intervalMs;
    if (missed > 0) this.#env.metrics.ticksSkipped.inc(missed);
    if (this.#env.isBlocked()) this.#env.metrics.ticksBlocked.inc();
    else if (!this.#isRunning) this.#start(tickMs, nowMs);
    else if (this.#waitingTickMs === 0) this.#waitingTickMs = tickMs;
    else this.#env.metrics.ticksSkipped.inc();
    return tickMs + intervalMs;
  }

  realign(nowMs: number): number {
    this.#waitingTickMs = 0;
    return nextGridMs(nowMs, this.target.scrapeIntervalMs, this.offsetMs);
  }

  // The answer, called by the HTTP client.

  onHeaders(status: number, statusText: string, header: (name: string) => string | undefined): void {
    if (status !== 200) {
      this.#failure = new ScrapeError('status', `server returned HTTP status ${status} ${statusText}`.trimEnd());
      return;
    }
    this.#contentType = header('content-type');
    if (header('content-encoding') !== 'gzip') return;
    this.#gzip = gunzipBody(this, { limitBytes: this.settings.bodySizeLimit, expectedBytes: this.lastBodyBytes });
  }

  onData(chunk: Buffer): void {
    this.#wireBytes += chunk.length;
    // The body of a refusal is received, so that the connection can be used again.
    if (this.#failure !== undefined) return;
    if (this.#gzip === undefined) this.onPlain(chunk);
    else this.#gzip.push(chunk);
  }

  onEnd(): void {
    this.#handle = undefined;
    if (this.#failure !== undefined) this.#finish(this.#failure);
    else if (this.#gzip === undefined) this.onPlainEnd();
    // Go's gzip reader finds no header in an empty body.
    else if (this.#wireBytes === 0) this.#finish(new ScrapeError('encoding', 'EOF'));
    else this.#gzip.end();
  }

  onError(error: StreamFailure): void {
    this.#handle = undefined;
    if (this.#stopped) return;
    this.#gzip?.abort();
    this.#finish(this.#failure ?? asScrapeError(error, 'connection'));
  }

  // The page.

  onPlain(chunk: Buffer): void {
    if (this.#failure !== undefined || chunk.length === 0) return;
    this.#plainBytes += chunk.length;
    const limit = this.settings.bodySizeLimit;
    if (limit > 0 && this.#plainBytes >= limit) return this.#fail(bodySizeError());
    if (this.#pageError !== undefined) return;
    try {
      this.#reader ??= this.#openReader();
      this.#reader.feed(chunk);
    } catch (error) {
      this.#rejectPage(error);
    }
  }

  onPlainEnd(): void {
    if (this.#failure !== undefined || !this.#isRunning) return;
    if (this.#pageError === undefined && this.#reader !== undefined) {
      try {
        this.#reader.finish();
      } catch (error) {
        this.#rejectPage(error);
      }
    }
    this.#finish(this.#pageError);
  }

  onPlainError(error: ScrapeError): void {
    if (this.#failure === undefined) this.#fail(error);
  }

  #rejectPage(error: unknown): void {
    this.#pageError = asScrapeError(error, 'parse');
    if (error instanceof ScrapeError) return;
    // Not the page's fault: a mistake of ours must not look like one of the exporter's.
    const { job, url } = this.target;
    this.#env.logger.error('reading a page failed unexpectedly', { job, target: url, error: error instanceof Error ? error.stack : String(error) });
  }

  /** Ends the scrape before the answer is complete, or after it while its body is still being expanded. */
  #fail(error: ScrapeError): void {
    this.#failure = error;
    this.#gzip?.abort();
    if (this.#handle === undefined) this.#finish(error);
    else this.#handle.abort();
  }

  #prepare(): Histogram {
    const { target, settings, client } = this.#config;
    this.#get = client instanceof ScrapeError ? undefined : client.prepare(target.url, requestHeaders(target, settings));
    return this.#env.metrics.intervalLength.with(intervalText(target));
  }

  #start(tickMs: number, nowMs: number): void {
    const { target, client } = this.#config;
    const isOnTime = nowMs - tickMs <= Math.min(SNAP_MS_MAX, target.scrapeIntervalMs * SNAP_PART);
    this.#isRunning = true;
    this.#env.inFlight++;
    this.#timestampMs = isOnTime ? tickMs : Math.floor(nowMs);
    this.#startedMs = this.#env.clock.monotonicMs();
    this.#wireBytes = 0;
    this.#plainBytes = 0;
    this.#contentType = undefined;
    this.#failure = undefined;
    this.#pageError = undefined;
    this.series.begin(this.#timestampMs);
    const refusal = this.#refusal ?? (client instanceof ScrapeError ? client : undefined);
    if (refusal !== undefined) return this.#finish(refusal);
    this.#handle = (client as HttpClient).stream(this.#get!, target.scrapeTimeoutMs, this);
  }

  /** Chooses the reader for the page's first byte. */
  #openReader(): PageReader {
    const { format, note } = chooseFormat(this.#contentType, this.settings.fallbackScrapeProtocol);
    if (note !== undefined && note !== this.#note) this.#env.logger.warn(note, { job: this.target.job, target: this.target.url });
    this.#note = note;
    const reader = (this.#readers[format] ??= createPageReader(format, this.series));
    reader.reset();
    return reader;
  }

  #finish(error: ScrapeError | undefined): void {
    const durationMs = this.#env.clock.monotonicMs() - this.#startedMs;
    const hasPage = error === this.#pageError;
    const scrapeError = this.#commit({
      timestampMs: this.#timestampMs,
      error,
      durationSeconds: durationMs / 1000,
      bodyBytes: hasPage ? this.#plainBytes : error?.class === 'body_size' ? -1 : 0,
    });
    this.#record(scrapeError, durationMs / 1000, this.series.samplesScraped);
    this.#leaveScrape();
    this.#goOn();
  }

  /** This runs in callbacks of sockets and timers, where an exception would end the process: here it costs the scrape. */
  #commit(result: ScrapeResult): ScrapeError | undefined {
    try {
      return this.series.commit(result).error;
    } catch (error) {
      const { job, url } = this.target;
      this.#env.logger.error('a scrape was lost on its way to the queue', { job, target: url, error: error instanceof Error ? error.stack : String(error) });
      return new ScrapeError('internal', errorText(error), { cause: error });
    }
  }

  #leaveScrape(): void {
    if (this.#isRunning) this.#env.inFlight--;
    this.#isRunning = false;
    this.#handle = undefined;
    this.#gzip = undefined;
    this.#reader = undefined;
  }

  #record(error: ScrapeError | undefined, durationSeconds: number, samples: number): void {
    const { metrics } = this.#env;
    metrics.scrapes.inc();
    metrics.samples.inc(samples);
    metrics.bodyBytes.inc(this.#plainBytes);
    metrics.wireBytes.inc(this.#wireBytes);
    metrics.duration.observe(durationSeconds);
    if (this.lastScrapeMs !== undefined) this.#intervalLength.observe((this.#timestampMs - this.lastScrapeMs) / 1000);
    if (error !== undefined) this.#recordFailure(error);
    else if (this.health === 'down') this.#env.logger.info('target is up', { job: this.target.job, target: this.target.url });
    this.health = error === undefined ? 'up' : 'down';
    this.lastError = error?.message ?? '';
    this.errorClass = error?.class;
    this.lastScrapeMs = this.#timestampMs;
    this.lastScrapeDurationSeconds = durationSeconds;
    this.lastSamples = samples;
    this.lastBodyBytes = this.#plainBytes;
    this.lastWireBytes = this.#wireBytes;
  }

  #recordFailure(error: ScrapeError): void {
    const { metrics, logger, failureLog } = this.#env;
    metrics.failures.with(error.class).inc();
    metrics.exceeded[error.class]?.inc();
    const path = this.settings.scrapeFailureLogFile;
    if (path !== undefined && path !== '') failureLog.write(path, this.target, error.message);
    if (this.health === 'down') return;
    logger.info('target is down', { job: this.target.job, target: this.target.url, class: error.class, error: error.message });
  }

  /** After a scrape: what waited for its end, then the tick that came meanwhile. */
  #goOn(): void {
    const waiting = this.#afterScrape;
    this.#afterScrape = [];
    for (const callback of waiting) callback();
    const tickMs = this.#waitingTickMs;
    this.#waitingTickMs = 0;
    if (tickMs !== 0 && this.place !== -1 && !this.#stopped) this.#start(tickMs, this.#env.clock.nowMs());
  }
}

function requestHeaders(target: Target, settings: ScrapeSettings): Record<string, string> {
  return {
    Accept: acceptHeader(settings.scrapeProtocols, settings.escapingScheme),
    'Accept-Encoding': settings.enableCompression ? 'gzip' : 'identity',
    'X-Prometheus-Scrape-Timeout-Seconds': String(target.scrapeTimeoutMs / 1000),
  };
}

const httpClasses: ReadonlySet<string> = new Set<ScrapeErrorClass>([
  'dns', 'refused', 'unreachable', 'timeout', 'tls', 'connection', 'configuration',
]);

/** Whatever was thrown, sorted. Errors of the HTTP client bring their class; anything without one is of `otherwise`. */
function asScrapeError(error: unknown, otherwise: ScrapeErrorClass): ScrapeError {
  if (error instanceof ScrapeError) return error;
  const errorClass = (error as { class?: unknown }).class;
  const isKnown = typeof errorClass === 'string' && httpClasses.has(errorClass);
  return new ScrapeError(isKnown ? (errorClass as ScrapeErrorClass) : otherwise, errorText(error), { cause: error });
}
