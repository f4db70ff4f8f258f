import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { Secret } from '../../../src/model/secret.ts';
import { job, load, loaded, problems, remarks } from './helper.ts';

describe('a job inherits from global', () => {
  test.each([
    ['', '', [15_000, 10_000]],
    ['scrape_interval: 5s', '', [5_000, 5_000]],
    ['scrape_interval: 1m', '', [60_000, 10_000]],
    ['scrape_interval: 0s\nscrape_timeout: 0', '', [15_000, 10_000]],
    ['scrape_timeout: 12s', '', [15_000, 12_000]],
    ['', 'scrape_timeout: 3s', [15_000, 3_000]],
    ['scrape_interval: 2s', 'scrape_timeout: 3s', [2_000, 2_000]],
  ])('%j under %j has interval and timeout %j', (lines, global, expected) => {
    const { scrapeIntervalMs, scrapeTimeoutMs } = job(lines, global);
    expect([scrapeIntervalMs, scrapeTimeoutMs]).toEqual(expected);
  });

  test.each([
    ['', 'sample_limit: 7', 7],
    ['sample_limit: 3', 'sample_limit: 7', 3],
    ['sample_limit: 0', 'sample_limit: 7', 7],
    ['sample_limit: 1.5', '', 1],
  ])('%j under %j has the sample limit %d', (lines, global, expected) => expect(job(lines, global).sampleLimit).toBe(expected));

  test.each([
    ['', 'body_size_limit: 10MB', 10 * 1024 ** 2],
    ['body_size_limit: 0', 'body_size_limit: 10MB', 10 * 1024 ** 2],
    ['body_size_limit: -1B', 'body_size_limit: 10MB', 0],
  ])('%j under %j has the body size limit %d', (lines, global, expected) => expect(job(lines, global).bodySizeLimit).toBe(expected));

  test.each([
    ['', 'extra_scrape_metrics: true', true],
    ['extra_scrape_metrics: false', 'extra_scrape_metrics: true', false],
    ['extra_scrape_metrics:', 'extra_scrape_metrics: true', true],
    ['extra_scrape_metrics: yes', '', true],
  ])('%j under %j has extra scrape metrics %s', (lines, global, expected) => expect(job(lines, global).extraScrapeMetrics).toBe(expected));

  test.each([
    ['', '', 'utf8', 'allow-utf-8'],
    ['', 'metric_name_validation_scheme: legacy', 'legacy', 'underscores'],
    ['metric_name_validation_scheme: legacy', '', 'legacy', 'underscores'],
    ['metric_name_validation_scheme: utf8', 'metric_name_validation_scheme: legacy', 'utf8', 'allow-utf-8'],
    ['', 'metric_name_escaping_scheme: dots', 'utf8', 'dots'],
    ['metric_name_validation_scheme: utf8', 'metric_name_escaping_scheme: dots', 'utf8', 'allow-utf-8'],
    ['metric_name_escaping_scheme: values', 'metric_name_validation_scheme: legacy', 'legacy', 'values'],
  ])('%j under %j has the schemes %s and %s', (lines, global, scheme, escaping) => {
    const { nameScheme, escapingScheme } = job(lines, global);
    expect([nameScheme, escapingScheme]).toEqual([scheme, escaping]);
  });

  test.each([
    ['', '', ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4']],
    ['', 'scrape_protocols: [PrometheusText0.0.4]', ['PrometheusText0.0.4']],
    ['scrape_protocols: [OpenMetricsText1.0.0]', 'scrape_protocols: [PrometheusText0.0.4]', ['OpenMetricsText1.0.0']],
    ['scrape_protocols: [PrometheusProto, PrometheusText0.0.4]', '', ['PrometheusText0.0.4']],
    ['scrape_protocols: [PrometheusProto]', '', ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4']],
  ])('%j under %j asks for %j', (lines, global, expected) => expect(job(lines, global).scrapeProtocols).toEqual(expected));
});

describe('values follow Go', () => {
  test('null is the zero value, not the default', () => {
    expect(job('honor_timestamps:\nenable_compression: ~\nmetrics_path:\nscheme:')).toMatchObject({ honorTimestamps: false, enableCompression: false, metricsPath: '', scheme: '' });
  });
  test('a null regex is the empty pattern', () => expect(job('relabel_configs: [{target_label: a, regex: }]').relabel[0]?.regex).toBe(''));
  test('unquoted numbers and words are strings where a string is due', () => {
    expect(job('params: {a: [1, yes, 1.0, 0x1, null]}').params).toEqual(new Map([['a', ['1', 'yes', '1.0', '0x1', '']]]));
    expect(job('relabel_configs: [{target_label: a, regex: 1, replacement: 2}]').relabel[0]).toMatchObject({ regex: '1', replacement: '2' });
  });
  test('YAML 1.1 words are bools', () => expect(job('honor_labels: on\nhonor_timestamps: no')).toMatchObject({ honorLabels: true, honorTimestamps: false }));
  test('a modulus has 64 bits', () => expect(job('relabel_configs: [{action: hashmod, target_label: a, modulus: 18446744073709551615}]').relabel[0]?.modulus).toBe(2n ** 64n - 1n));
  test('merge keys work', () => {
    const { scrape } = loaded('scrape_configs:\n- &a {job_name: a, scheme: https}\n- {<<: *a, job_name: b}').settings;
    expect(scrape.map((one) => [one.jobName, one.scheme])).toEqual([['a', 'https'], ['b', 'https']]);
  });
  test("vmagent's rules are accepted", () => {
    const rules = job(`metric_relabel_configs: [{if: '{a="b"}', action: Keep_Metrics, regex: [x, y]}, {if: ['{a="b"}', '{c="d"}'], action: drop, source_labels: [a]}]`).metricRelabel;
    expect(rules[0]).toMatchObject({ action: 'keep_metrics', regex: '(?:x)|(?:y)', if: ['{a="b"}'] });
    expect(rules[1]).toMatchObject({ if: ['{a="b"}', '{c="d"}'] });
  });
});

describe('environment variables', () => {
  const labels = (text: string, env: NodeJS.ProcessEnv) => loaded(`global: {external_labels: {a: '${text}'}}`, env).settings.externalLabels.get('a');
  test.each([
    ['$X', 'v'], ['${X}', 'v'], ['a${X}b$X', 'avbv'], ['$$X', '$X'], ['$$', '$'], ['$', '$'], ['a$.b', 'a$.b'], ['${}x', 'x'], ['$X_Y', 'w'], ['plain', 'plain'],
  ])('%s becomes %s', (text, expected) => expect(labels(text, { X: 'v', X_Y: 'w' })).toBe(expected));
  test('an undefined one is empty and a warning', () => {
    const config = loaded('global: {external_labels: {a: x$NONE}}');
    expect(config.settings.externalLabels.get('a')).toBe('x');
    expect(config.remarks).toMatchObject([{ kind: 'warning', text: 'the environment variable NONE in the label a is empty' }]);
  });
  test('a label that comes out empty is none', () => expect(loaded('global: {external_labels: {a: $NONE, b: }}').settings.externalLabels.size).toBe(0));
  test('nothing else is expanded', () => expect(job('metrics_path: /$X').metricsPath).toBe('/$X'));
});

const complete = `
global: {scrape_interval: 15s, external_labels: {cluster: 'a$$b', n: 1}, sample_limit: 9, scrape_native_histograms: true}
scrape_configs:
- job_name: one
  body_size_limit: 10MB
  scheme: ""
  params: {a: [yes, 1]}
  basic_auth: {username: u, password: hunter2}
  tls_config: {ca_file: ca.pem, min_version: TLS12}
  http_headers: {X-A: {values: [v], secrets: [hunter2], files: [f]}}
  proxy_url: http://user:hunter2@proxy
  proxy_connect_header: {X: [hunter2]}
  static_configs: [{targets: ['a:1', 'b:2'], labels: {x: 1}}]
  file_sd_configs: [{files: [sd/*.json]}]
  http_sd_configs: [{url: 'http://u:hunter2@sd/', authorization: {credentials: hunter2}}]
  kubernetes_sd_configs:
  - {role: pod, namespaces: {own_namespace: true, names: [a]}, selectors: [{role: pod, label: 'a in (b)', field: spec.nodeName=x}], attach_metadata: {node: true, cronjob: true}}
  - {role: node, api_server: 'https://u:hunter2@k8s', authorization: {credentials: hunter2}, namespaces: {names: [a]}}
  - {role: endpoints, kubeconfig_file: kube.conf}
  relabel_configs:
  - {action: keepequal, source_labels: [a], target_label: b}
  - {action: hashmod, source_labels: [a], target_label: b, modulus: 18446744073709551615}
  - {target_label: c, regex: , separator: ''}
- job_name: two
  bearer_token: hunter2
  follow_redirects: false
  metric_relabel_configs: [{action: drop_metrics, regex: [a, b], if: '{x="y"}'}]
remote_write:
- url: https://user:hunter2@vm/api/v1/write
  name: a
  headers: {X-Scope-OrgID: t}
  oauth2: {client_id: c, client_secret: hunter2, token_url: http://t, claims: {a: [1, x]}, scopes: [s], endpoint_params: {p: q}}
  queue_config: {max_samples_per_send: 2000, sample_age_limit: 1h}
- url: http://x/w
  sigv4: {region: r, access_key: k, secret_key: hunter2}
  metadata_config: {send: false}
- url: http://y/w
  authorization: {}
tributary:
  queue: {max_bytes: 10GiB, free_space_floor: 2.5%, fsync: always, segment_bytes: 1MB}
  destinations: {a: {profile: generic, max_bytes: 1GB, max_delay: 1m}}
`;

describe('the effective configuration', () => {
  const config = loaded(complete);

  test('holds no secret', () => {
    expect(config.yaml).not.toContain('hunter2');
    expect(config.yaml).toContain('password: <secret>');
    expect(config.yaml).toContain('https://user:xxxxx@vm/api/v1/write');
    expect(inspect(config.settings, { depth: 20 }).replaceAll(/user:hunter2@|u:hunter2@/g, '')).not.toContain('hunter2');
  });
  test('loads again to an equal configuration', () => {
    const masked = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_key, part: unknown) => {
      if (part instanceof Map) return [...part];
      if (typeof part === 'bigint') return String(part);
      return typeof part === 'string' ? part.replaceAll(':hunter2@', ':xxxxx@') : part;
    }));
    expect(masked(loaded(config.yaml).settings)).toEqual(masked(config.settings));
    expect(loaded(config.yaml).yaml).toBe(config.yaml);
  });
  test('says what jobs inherited and what is default', () => {
    expect(config.yaml).toContain('scrape_timeout: 10s');
    expect(config.yaml).toContain('sample_limit: 9');
    expect(config.yaml).toContain('body_size_limit: 10MiB');
    expect(config.yaml).toContain('honor_timestamps: true');
  });
  test('an empty file has one, too', () => expect(loaded(loaded('').yaml).settings).toEqual(loaded('').settings));
  test('paths begin at the folder of the file', () => {
    expect(config.settings.scrape[0]?.http.tls.caFile).toBe('/etc/tributary/ca.pem');
    expect(config.settings.scrape[0]?.discovery[1]).toMatchObject({ files: ['/etc/tributary/sd/*.json'] });
  });
  test('secrets can be read where they are used', () => {
    expect(config.settings.scrape[0]?.http.basicAuth?.password?.reveal()).toBe('hunter2');
    expect(config.settings.scrape[1]?.http.authorization).toMatchObject({ type: 'Bearer', credentials: new Secret('hunter2') });
    expect(config.settings.destinations[2]?.http.authorization).toEqual({ type: 'Bearer' });
  });
  test('settings are frozen', () => expect(Object.isFrozen(config.settings.scrape[0]?.http.tls)).toBe(true));
  test('only written queue values are settings', () => {
    expect(config.settings.destinations.map((one) => one.queue)).toEqual([
      { maxSamplesPerSend: 2000, minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 3_600_000 },
      { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 0 },
      { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 0 },
    ]);
  });
  test('the tributary block reaches queue and destinations', () => {
    expect(config.settings.queue).toEqual({ maxBytes: 10 * 1024 ** 3, freeSpaceFloor: { share: 0.025 }, fsync: 'always', fsyncIntervalMs: 1000, segmentBytes: 1024 ** 2, removedGraceMs: 7 * 24 * 3600 * 1000 });
    expect(config.settings.destinations[0]).toMatchObject({ name: 'a', profile: 'generic', maxBytes: 1024 ** 3, maxDelayMs: 60_000 });
    expect(config.settings.destinations[1]).toMatchObject({ profile: 'auto', maxDelayMs: 1000 });
  });
});

describe('secrets never appear in problems', () => {
  test.each([
    'scrape_configs: [{job_name: j, basic_auth: hunter2}]',
    'scrape_configs: [{job_name: j, authorization: hunter2}]',
    'scrape_configs: [{job_name: j, basic_auth: {password: {a: hunter2}}}]',
    'scrape_configs: [{job_name: j, bearer_token: [hunter2]}]',
    'scrape_configs: [{job_name: j, http_headers: {X: hunter2}}]',
    'scrape_configs: [{job_name: j, proxy_url: "http://u:hunter2@[x"}]',
    'scrape_configs: [{job_name: j, basic_auth: {passwrod: hunter2}}]',
    'remote_write: [{url: "http://u:hunter2@x:y"}]',
    'remote_write: [{url: "http://u:hunter2@x y"}]',
    'remote_write: [{url: x, sigv4: {secret_key: hunter2}}]',
    'a: *hunter2',
    'a: "hunter2',
  ])('%s', (text) => {
    expect(problems(text)).not.toEqual([]);
    expect(problems(text).join('\n')).not.toContain('hunter2');
  });
});

describe('remarks', () => {
  const inJob = (lines: string) => remarks(`scrape_configs:\n- job_name: j\n  ${lines}`);
  const inRemote = (lines: string) => remarks(`remote_write:\n- url: http://x\n  name: a\n  ${lines}`);

  test.each([
    ['scrape_protocols: [PrometheusProto, PrometheusText0.0.4]'], ['scrape_native_histograms: true'], ['convert_classic_histograms_to_nhcb: true'], ['always_scrape_classic_histograms: true'],
    ['native_histogram_bucket_limit: 5'], ['native_histogram_min_bucket_factor: 1.1'], ['fallback_scrape_protocol: PrometheusProto'],
  ])('a job with %s has one of no effect', (lines) => {
    expect(inJob(lines)).toHaveLength(1);
    expect(inJob(lines)[0]).toMatch(new RegExp(`^3:3: scrape_configs\\[0\\]\\.${lines.split(':')[0]}: no effect: `));
  });
  test.each([['scrape_native_histograms: false'], ['native_histogram_bucket_limit: 0'], ['extra_scrape_metrics: true'], ['enable_http2: false']])('a job with %s has none', (lines) => expect(inJob(lines)).toEqual([]));

  test.each([
    ['send_native_histograms: true'], ['enable_http2: true'],
    ['queue_config: {capacity: 5}'], ['queue_config: {max_shards: 5}'], ['queue_config: {min_shards: 2}'], ['queue_config: {retry_on_http_429: true}'],
  ])('a remote write with %s has one of no effect', (lines) => expect(inRemote(lines).map((line) => line.split(': ')[2])).toEqual(['no effect']));
  test.each([['queue_config: {capacity: 10000, retry_on_http_429: false}'], ['protobuf_message: io.prometheus.write.v2.Request'], ['queue_config: {max_samples_per_send: 5}']])('a remote write with %s has none', (lines) => expect(inRemote(lines)).toEqual([]));

  test.each([['rule_files: [x.yml]'], ['alerting: {alertmanagers: [{a: b}]}'], ['remote_read: [{url: x}]'], ['storage: {tsdb: {out_of_order_time_window: 1h}}'], ['tracing: {endpoint: x}'], ['otlp: {convert_histograms_to_nhcb: true}']])(
    '%s is an ignored section', (text) => expect(remarks(text).join()).toMatch(/^1:1: \w+: ignored section: /));
  test.each([['rule_files: []'], ['alerting: {}'], ['storage:']])('%s is not worth one', (text) => expect(remarks(text)).toEqual([]));

  test('a remote write without a name is asked for one', () => expect(remarks('remote_write: [{url: http://x}]').join()).toContain('has no name'));
  test('two equal remote writes are told', () => {
    expect(remarks('remote_write: [{url: http://x}, {url: http://x}]').join()).toContain('remote_write[1]: warning: is equal to remote_write[0]');
    expect(remarks('remote_write: [{url: http://x, bearer_token: a}, {url: http://x, bearer_token: b}]').join()).not.toContain('is equal');
  });
  test('a URL that cannot be reached is told', () => expect(remarks('remote_write: [{url: x, name: a}]').join()).toContain('nothing can be sent'));
  test.each([['global: {evaluation_interval: 2m}'], ['global: {query_log_file: x}'], ['global: {rule_query_offset: 1s}'], ['runtime: {gogc: 50}']])('%s has no effect', (text) => expect(remarks(text).join()).toContain('no effect'));
});

describe('files', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, content: string | Uint8Array) => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };
  const texts = (result: ReturnType<typeof loadConfig>) => (result.ok ? [] : result.problems.map(formatProblem));

  test('a .gz file is read through gzip', () => {
    const result = loadConfig(write('p.yml.gz', gzipSync('scrape_configs: [{job_name: j}]')));
    expect(result.ok && result.config.settings.scrape[0]?.jobName).toBe('j');
  });
  test('a .gz file that is none is a problem', () => expect(texts(loadConfig(write('p.yml.gz', 'global: {}'))).join()).toContain('incorrect header check, expected YAML in UTF-8, compressed with gzip'));
  test('gzip is known by its first bytes, whatever the name', () => {
    const result = loadConfig(write('prometheus.yaml', gzipSync('scrape_configs: [{job_name: j}]')));
    expect(result.ok && result.config.settings.scrape[0]?.jobName).toBe('j');
  });
  test('problems of a gzipped file have the places of the text', () => expect(texts(loadConfig(write('p.yml.gz', gzipSync('global:\n  foo: 1')))).join()).toContain('p.yml.gz:2:3: global.foo: field foo not found'));
  test('a gzipped file that ends early is a problem', () => expect(texts(loadConfig(write('p.yml.gz', gzipSync('global: {}').subarray(0, 15)))).join()).toContain('unexpected end of file'));
  test('a gzipped file that is too large once it is unpacked is a problem', () => {
    expect(texts(loadConfig(write('p.yml.gz', gzipSync(Buffer.alloc(64 * 1024 ** 2 + 1, '#'))))).join()).toMatch(/cannot read the file: .*larger than 67108864 bytes/);
  });

  describe('$(NAME) of the operator', () => {
    const operator = [
      'global: {external_labels: {prometheus_replica: $(POD_NAME)}}',
      'scrape_configs:',
      '- job_name: j',
      '  relabel_configs:',
      '  - {source_labels: [__address__], target_label: __tmp_hash, modulus: $(SHARDS), action: hashmod}',
      '  - {source_labels: [__tmp_hash], regex: $(SHARD), action: keep} # $(NOBODY) reads this',
    ].join('\n');
    const zipped = () => write('prometheus.yaml.gz', gzipSync(operator));

    test('is filled in from the environment, numbers included', () => {
      const result = loadConfig(zipped(), { env: { POD_NAME: 'prometheus-k8s-0', SHARDS: '3', SHARD: '1' } });
      if (!result.ok) throw new Error(texts(result).join());
      const [job] = result.config.settings.scrape;
      expect(result.config.settings.externalLabels).toEqual(new Map([['prometheus_replica', 'prometheus-k8s-0']]));
      expect(job?.relabel.map(({ modulus, regex }) => [modulus, regex])).toEqual([[3n, '(.*)'], [0n, '1']]);
    });
    test('is a problem at its place where the variable is not set', () => {
      const found = texts(loadConfig(zipped(), { env: { POD_NAME: 'p', SHARDS: '3' } }));
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/prometheus\.yaml\.gz:6:42: the environment variable SHARD is not set, expected /);
    });
    test('is plain text in a file that is not gzipped, as in Prometheus', () => {
      const result = loadConfig(write('plain.yml', operator.replace('$(SHARDS)', '3')), { env: { SHARD: '1' } });
      expect(result.ok && result.config.settings.scrape[0]?.relabel[1]?.regex).toBe('$(SHARD)');
    });
  });
  test('a missing file is a problem', () => expect(texts(loadConfig(path.join(folder, 'none.yml'))).join()).toMatch(/none\.yml: cannot read the file: ENOENT/));
  test('text that is not UTF-8 is a problem', () => expect(texts(loadConfig(write('p.yml', Buffer.from([0x61, 0xff])))).join()).toContain('expected YAML in UTF-8'));

  test('jobs of scrape_config_files come after those of the file, with paths of their own folder', () => {
    write('jobs/b.yml', 'scrape_configs: [{job_name: b, basic_auth: {password_file: p}}]');
    write('jobs/a.yml', 'scrape_configs: [{job_name: a}]');
    write('jobs/empty.yml', '');
    const main = write('p.yml', 'global: {scrape_interval: 7s}\nscrape_config_files: [jobs/*.yml, none.yml]\nscrape_configs: [{job_name: main}]');
    const result = loadConfig(main);
    if (!result.ok) throw new Error(texts(result).join());
    const { settings, files, yaml } = result.config;
    expect(settings.scrape.map((one) => [one.jobName, one.scrapeIntervalMs])).toEqual([['main', 7000], ['a', 7000], ['b', 7000]]);
    expect(settings.scrape[2]?.http.basicAuth?.passwordFile).toBe(path.join(folder, 'jobs/p'));
    expect(files.map((file) => path.relative(folder, file))).toEqual(['p.yml', 'jobs/a.yml', 'jobs/b.yml', 'jobs/empty.yml']);
    expect(loaded(yaml).settings).toEqual(settings);
  });
  test('a duplicate job names both files', () => {
    const other = write('jobs/a.yml', 'scrape_configs: [{job_name: main}]');
    const main = write('p.yml', 'scrape_config_files: [jobs/*.yml]\nscrape_configs: [{job_name: main}]');
    expect(texts(loadConfig(main)).join()).toBe(`${other}:1:19: scrape_configs[0].job_name: "${other}": found multiple scrape configs with job name "main", first found in "${main}"`);
  });
  test('a member may hold jobs only', () => {
    write('a.yml', 'global: {}');
    expect(texts(loadConfig(write('p.yml', 'scrape_config_files: [a.yml]'))).join()).toContain('a.yml:1:1: global: field global not found');
  });
  test('the hash follows the content of every file', () => {
    const main = write('p.yml', 'scrape_config_files: [a.yml]');
    const hash = () => {
      const result = loadConfig(main);
      return result.ok ? result.config.hash : '';
    };
    write('a.yml', 'scrape_configs: []');
    const before = hash();
    expect(hash()).toBe(before);
    write('a.yml', 'scrape_configs: [] # changed');
    expect(hash()).not.toBe(before);
  });
});

test('a failed load names the files it read', () => expect(load('foo: 1')).toMatchObject({ ok: false, files: ['/etc/tributary/prometheus.yml'] }));

test('a static target that cannot be one is refused by the check and a warning for a running collector', () => {
  const text = 'scrape_configs: [{job_name: j, static_configs: [{targets: [""]}]}]';
  expect(problems(text).join()).toContain('instance 0 in group 0: no address');
  const running = loadConfig('/etc/tributary/p.yml', { readFile: () => Buffer.from(text), env: {}, impossibleTargets: 'warn' });
  expect(running).toMatchObject({ ok: true, config: { remarks: [{ kind: 'warning', text: expect.stringContaining('instance 0 in group 0: no address') }] } });
});
