// Target groups from an HTTP endpoint, fetched again and again. Whatever goes wrong, the last good list stays. Source: Prometheus discovery/http.

import type { Timer } from '../../src/io/clock.ts';
import { createHttpClient } from '../../src/io/http/client.ts';
import type { HttpClient, HttpResponse } from '../../src/io/http/client.ts';
import { redactUrl } from '../../src/io/http/redact.ts';
import { errorText } from '../../src/model/error.ts';
import type { GroupSink, Provider, TargetGroup } from '../discovery.ts';
import { changedGroups, parseJsonGroups } from '../groups.ts';
import type { ProviderDependencies } from '../provider.ts';
import type { HttpSdSettings } from './config.ts';

/** A list of 100,000 targets with ten labels each has about 40 MB; more is a mistake and would endanger the process. */
const LIST_BYTES_MAX = 64 * 1024 * 1024;
/** The first pause is up to a tenth shorter, so that a fleet that was started together does not ask together for ever. */
const FIRST_PAUSE_SPREAD = 0.1;
const JSON_TYPE = /^application\/json(;\s*charset=("utf-8"|utf-8))?$/i;

export function createHttpProvider(settings: HttpSdSettings, deps: ProviderDependencies): Provider {
  return new HttpProvider(settings, deps);
}

class HttpProvider implements Provider {
  readonly #settings: HttpSdSettings;
  readonly #deps: ProviderDependencies;
  readonly #client: HttpClient;
  readonly #stop = new AbortController();
  readonly #sent = new Map<string, string>();
  #sink: GroupSink = () => undefined;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #lastError: string | undefined;
  #first = true;
  #spread: number;

  constructor(settings: HttpSdSettings, deps: ProviderDependencies) {
    this.#settings = settings;
    this.#deps = deps;
    this.#spread = deps.random.next() * FIRST_PAUSE_SPREAD;
    this.#client = createHttpClient(settings.http, { clock: deps.clock, userAgent: deps.userAgent });
  }

  start(sink: GroupSink): void {
    this.#sink = sink;
    this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await this.#running;
    await this.#client.close();
  }

  /** A slow answer swallows ticks, it does not shift them. */
  async #tick(): Promise<void> {
    const { clock } = this.#deps;
    const intervalMs = this.#settings.refreshIntervalMs;
    const startedMs = clock.monotonicMs();
    await this.#refresh();
    if (this.#stop.signal.aborted) return;
    const takenMs = clock.monotonicMs() - startedMs;
    const pauseMs = intervalMs - (takenMs % intervalMs);
    this.#timer = clock.after(pauseMs * (1 - this.#spread), () => this.#run());
    this.#spread = 0;
  }

  #run(): void {
    this.#running = this.#tick();
  }

  async #refresh(): Promise<void> {
    try {
      const groups = await this.#fetch();
      if (this.#stop.signal.aborted) return;
      const changed = changedGroups(this.#sent, groups);
      if (changed.length > 0 || this.#first) this.#sink(changed);
      this.#first = false;
      this.#lastError = undefined;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#onFailure(errorText(error));
    }
  }

  #onFailure(reason: string): void {
    const { metrics, logger, job } = this.#deps;
    metrics.httpFailures.inc();
    metrics.refreshFailures.with('http', job).inc();
    if (this.#lastError === reason) return;
    this.#lastError = reason;
    logger.error('unable to refresh target groups, the last ones are kept', { url: redactUrl(this.#settings.url), error: reason });
  }

  async #fetch(): Promise<TargetGroup[]> {
    const { url, refreshIntervalMs } = this.#settings;
    const answer = await this.#client.request({
      method: 'GET',
      url,
      headers: { Accept: 'application/json', 'X-Prometheus-Refresh-Interval-Seconds': String(refreshIntervalMs / 1000) },
      timeoutMs: refreshIntervalMs,
      signal: this.#stop.signal,
      maxBodyBytes: LIST_BYTES_MAX,
    });
    checkAnswer(answer);
    // Sources and labels reach pages, logs and, by rules, storage: no place for a password.
    const shown = redactUrl(url);
    return parseJsonGroups(answer.body.toString('utf8'), { prefix: shown, labels: [['__meta_url', shown]] });
  }
}

function checkAnswer(answer: HttpResponse): void {
  if (answer.status !== 200) throw new Error(`server returned HTTP status ${answer.status} ${answer.statusText}`.trimEnd());
  const type = (answer.headers['content-type'] ?? '').trim();
  if (!JSON_TYPE.test(type)) throw new Error(`unsupported content type ${JSON.stringify(type)}`);
  if (answer.truncated) throw new Error(`list of target groups is longer than ${LIST_BYTES_MAX} bytes`);
}
