// What a job takes over from `global`, and the checks that need both. Blocks go in and come out complete, so that the effective
// configuration can be printed from them. Source: Prometheus config.GlobalConfig and ScrapeConfig.Validate.

import { isEscapingScheme, limitKeys, textProtocols } from '../scrape/config.ts';
import type { ScrapeBlock, scrapeSwitchKeys } from '../scrape/config.ts';
import { isValidLabelName } from '../model/names.ts';
import { expandEnv } from './env.ts';
import { fail, remark } from './schema.ts';
import type { Block } from './schema.ts';
import { globalKeys } from './top.ts';
import type { GlobalBlock } from './top.ts';

const scrapeTimeoutMs = 10_000;
const mustBeOneOf = "must be one of 'allow-utf-8', 'underscores', 'dots', or 'values'";

/**
 * The global block with everything that jobs inherit filled in; also the external labels are expanded here. `extraScrapeMetrics` counts where the block
 * does not say.
 */
export function completeGlobal(at: GlobalBlock, env: NodeJS.ProcessEnv, extraScrapeMetrics?: boolean): GlobalBlock {
  const { values } = at;
  const intervalMs = values.scrape_interval === 0 ? globalKeys.scrape_interval.default : values.scrape_interval;
  if (values.scrape_timeout > intervalMs) fail(at, 'scrape_timeout', 'global scrape timeout greater than scrape interval');
  const scheme = values.metric_name_validation_scheme === 'legacy' ? 'legacy' : 'utf8';
  const escaping = values.metric_name_escaping_scheme;
  if (escaping !== '' && !isEscapingScheme(escaping)) {
    fail(at, 'metric_name_escaping_scheme', `unknown global name escaping method specified, ${mustBeOneOf}, got ${JSON.stringify(escaping)}`);
  }
  return {
    ...at,
    values: {
      ...values,
      scrape_interval: intervalMs,
      scrape_timeout: values.scrape_timeout === 0 ? Math.min(scrapeTimeoutMs, intervalMs) : values.scrape_timeout,
      extra_scrape_metrics: values.extra_scrape_metrics ?? extraScrapeMetrics,
      evaluation_interval: values.evaluation_interval === 0 ? globalKeys.evaluation_interval.default : values.evaluation_interval,
      metric_name_validation_scheme: scheme,
      metric_name_escaping_scheme: escaping === '' ? defaultEscaping(scheme) : escaping,
      external_labels: externalLabels(at, scheme, env),
    },
  };
}

function defaultEscaping(scheme: 'utf8' | 'legacy'): string {
  return scheme === 'legacy' ? 'underscores' : 'allow-utf-8';
}

function externalLabels(at: GlobalBlock, scheme: 'utf8' | 'legacy', env: NodeJS.ProcessEnv): Map<string, string> {
  const labels = new Map<string, string>();
  for (const [name, written] of at.values.external_labels) {
    if (!isValidLabelName(name, scheme)) fail(at, 'external_labels', `${JSON.stringify(name)} is not a valid label name, expected one that the scheme ${scheme} allows`);
    const value = expandEnv(written, env, (variable) => {
      remark(at, 'external_labels', 'warning', `the environment variable ${variable} in the label ${name} is empty`);
    });
    if (/\p{Surrogate}/u.test(value)) fail(at, 'external_labels', `${JSON.stringify(value)} is not a valid label value, expected UTF-8`);
    labels.set(name, value);
  }
  return labels;
}

/** The job with what it takes from a complete global block. */
export function completeJob(at: ScrapeBlock, global: GlobalBlock): ScrapeBlock {
  const own = at.values;
  const intervalMs = own.scrape_interval === 0 ? global.values.scrape_interval : own.scrape_interval;
  if (own.scrape_timeout > intervalMs) {
    fail(at, at.explicit.has('scrape_timeout') ? 'scrape_timeout' : undefined, `scrape timeout greater than scrape interval for scrape config with job name ${JSON.stringify(own.job_name)}`);
  }
  return {
    ...at,
    values: {
      ...own,
      scrape_interval: intervalMs,
      scrape_timeout: own.scrape_timeout === 0 ? Math.min(global.values.scrape_timeout, intervalMs) : own.scrape_timeout,
      ...inheritLimits(at, global),
      ...inheritSwitches(at, global),
      ...inheritSchemes(at, global),
    },
  };
}

type Limits = Block<typeof limitKeys>['values'];

function inheritLimits(own: Block<typeof limitKeys>, global: Block<typeof limitKeys>): Limits {
  const names = Object.keys(limitKeys) as (keyof Limits)[];
  return Object.fromEntries(names.map((name) => [name, own.values[name] === 0 ? global.values[name] : own.values[name]])) as Limits;
}

type Switches = Block<typeof scrapeSwitchKeys>['values'];

function inheritSwitches(own: Block<typeof scrapeSwitchKeys>, global: Block<typeof scrapeSwitchKeys>): Omit<Switches, 'metric_name_validation_scheme' | 'metric_name_escaping_scheme'> {
  const a = own.values;
  const b = global.values;
  const native = a.scrape_native_histograms ?? b.scrape_native_histograms ?? false;
  return {
    scrape_protocols: a.scrape_protocols ?? b.scrape_protocols ?? (native ? ['PrometheusProto', ...textProtocols] : textProtocols),
    scrape_native_histograms: native,
    convert_classic_histograms_to_nhcb: a.convert_classic_histograms_to_nhcb ?? b.convert_classic_histograms_to_nhcb ?? false,
    always_scrape_classic_histograms: a.always_scrape_classic_histograms ?? b.always_scrape_classic_histograms ?? false,
    extra_scrape_metrics: a.extra_scrape_metrics ?? b.extra_scrape_metrics ?? false,
    scrape_failure_log_file: a.scrape_failure_log_file === '' ? b.scrape_failure_log_file : a.scrape_failure_log_file,
  };
}

function inheritSchemes(at: ScrapeBlock, global: GlobalBlock): Pick<Switches, 'metric_name_validation_scheme' | 'metric_name_escaping_scheme'> {
  const own = at.values.metric_name_validation_scheme;
  const scheme = own === '' ? global.values.metric_name_validation_scheme : own;
  const written = at.values.metric_name_escaping_scheme;
  const inherited = own === '' ? global.values.metric_name_escaping_scheme : defaultEscaping(own);
  const escaping = written === '' ? inherited : written;
  if (written !== '' && !isEscapingScheme(written)) {
    fail(at, 'metric_name_escaping_scheme', `unknown scrape config name escaping method specified, ${mustBeOneOf}, got ${JSON.stringify(written)}`);
  } else if (escaping === 'allow-utf-8' && scheme === 'legacy') {
    fail(at, 'metric_name_escaping_scheme', 'utf8 metric names requested but validation scheme is not set to UTF8');
  }
  return { metric_name_validation_scheme: scheme, metric_name_escaping_scheme: escaping };
}
