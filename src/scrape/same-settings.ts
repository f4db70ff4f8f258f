// Comparing the settings of a job across a reload: untouched, changed without touching its series, or changed in full.

import { Secret } from '../model/secret.ts';
import type { ScrapeSettings } from './config.ts';

/** Equal in every value, secrets included. */
export function sameSettings(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Secret && b instanceof Secret) return a.reveal() === b.reveal();
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Map || b instanceof Map) return a instanceof Map && b instanceof Map && sameMaps(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, i) => sameSettings(value, b[i]));
  }
  return sameMaps(new Map(Object.entries(a)), new Map(Object.entries(b)));
}

function sameMaps(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (!b.has(key) || !sameSettings(value, b.get(key))) return false;
  return true;
}

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
