// What a reload does to a job: untouched, changed without touching its series, or changed in full.

import { sameSettings } from '../model/same-settings.ts';
import type { ScrapeSettings } from './config.ts';

/**
 * Whether series that were taken in under `before` are still right under `after`: relabelling, label limits and the treatment of labels and
 * timestamps are decided when a series is first seen. Source: Prometheus keeps its cache under the same condition; what a job does not do to
 * its pages (discovery, target limits, dropped targets, the failure log) is left out here as well.
 */
export function keepsSeries(before: ScrapeSettings, after: ScrapeSettings): boolean {
  return before === after || sameSettings(pageSettings(before), pageSettings(after));
}

function pageSettings(settings: ScrapeSettings): object {
  const {
    scrapeIntervalMs: _interval, scrapeTimeoutMs: _timeout, sampleLimit: _samples, http: _http, discovery: _discovery,
    targetLimit: _targets, keepDroppedTargets: _dropped, scrapeFailureLogFile: _log, bodySizeLimit: _body, ...rest
  } = settings;
  return rest;
}
