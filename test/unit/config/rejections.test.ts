// Every rejection, one line a case: the section's text and a piece of the message. The words are Prometheus' where it has some.

import { describe, expect, test } from 'vitest';
import { indent, problems } from './helper.ts';

type Case = readonly [lines: string, message: string];

const inJob = (lines: string) => problems(`scrape_configs:\n- job_name: j\n${indent(lines, 2)}\n`);
const inRemote = (lines: string) => problems(`remote_write:\n- url: http://x/w\n  name: r\n${indent(lines, 2)}\n`);
const inGlobal = (lines: string) => problems(`global:\n${indent(lines, 2)}\n`);
const inRule = (lines: string) => inJob(`relabel_configs:\n- ${indent(lines, 2).trimStart()}`);
const inTributary = (lines: string) => problems(`remote_write: [{url: 'http://x/w', name: a}, {url: 'http://y/w', name: b}]\ntributary:\n${indent(lines, 2)}\n`);

function refuses(run: (lines: string) => string[], cases: readonly Case[]): void {
  test.each(cases)('%j: %s', (lines, message) => expect(run(lines).join('\n')).toContain(message));
}

describe('the file', () => {
  refuses(problems, [
    ['foo: 1', '1:1: foo: field foo not found'],
    ['scrape_confgs: []', 'the nearest known key is scrape_configs'],
    ['global: {}\nglobal: {}', '2:1: global: field global already set'],
    ['[]', '1:1: cannot unmarshal !!seq, expected a mapping'],
    ['x', 'cannot unmarshal !!str, expected a mapping'],
    ['scrape_configs: {}', 'scrape_configs: cannot unmarshal !!map, expected a list'],
    ['scrape_configs: [null]', 'scrape_configs[0]: empty or null scrape config section'],
    ['remote_write: [~]', 'remote_write[0]: empty or null remote write config section'],
    ['remote_read: [~]', 'empty or null remote read config section'],
    ['alerting: {alert_relabel_configs: [~]}', 'empty or null alert relabeling rule'],
    ['rule_files: ["a/*/b.yml"]', 'invalid rule file path "a/*/b.yml"'],
    ['scrape_config_files: ["a/*/b.yml"]', 'invalid scrape config file path "a/*/b.yml"'],
    ['scrape_configs: [{job_name: a}, {job_name: a}]', 'scrape_configs[1].job_name: found multiple scrape configs with job name "a"'],
    ['runtime: {gogc: x}', 'runtime.gogc: cannot unmarshal !!str "x", expected a whole number'],
    ['storage: {tsdb: {retention: {size: -1B}}}', "'storage.tsdb.retention.size' must be greater than or equal to 0"],
    ['storage: {tsdb: {retention: {percentage: 101}}}', "'storage.tsdb.retention.percentage' must be in the range [0, 100]"],
    ['storage: {tsdb: {chunk_encoding: {floats: zip}}}', `must be 'xor' or 'xor2', or the field must be omitted entirely, got "zip"`],
    ['tracing: {}', 'tracing endpoint must be set'],
    ['tracing: {endpoint: x, compression: zip}', 'invalid compression type zip provided, valid options: gzip'],
    ['tracing: {endpoint: x, headers: {Authorization: x}}', 'custom authorization header configuration is not yet supported'],
    ['tracing: {endpoint: x, headers: {Host: x}}', 'Host is a reserved header. It must not be changed'],
    ['otlp: {promote_all_resource_attributes: true, promote_resource_attributes: [a]}', "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously"],
    ['otlp: {ignore_resource_attributes: [a]}', "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true"],
    ['otlp: {promote_resource_attributes: [""]}', "invalid 'promote_resource_attributes': empty promoted OTel resource attribute"],
    ['otlp: {promote_resource_attributes: [a, a]}', 'duplicated promoted OTel resource attribute "a"'],
    ['otlp: {promote_all_resource_attributes: true, ignore_resource_attributes: [a, a]}', 'duplicated ignored OTel resource attribute "a"'],
    ['otlp: {translation_strategy: x}', 'unsupported OTLP translation strategy "x"'],
    ['global: {metric_name_validation_scheme: legacy}\notlp: {translation_strategy: NoTranslation}', 'OTLP translation strategy "NoTranslation" is not allowed when UTF8 is disabled'],
  ]);

  test('all problems are told at once, sorted by line', () => {
    expect(problems('global: {scrape_interval: x}\nscrape_configs:\n- job_nam: a\n  sample_limit: -1\nfoo: 1\n').map((line) => line.split(': ')[1])).toEqual([
      'global.scrape_interval', 'scrape_configs[0].job_nam', 'scrape_configs[0].job_name', 'scrape_configs[0].sample_limit', 'foo',
    ]);
  });

  test('an empty file is the defaults', () => expect(problems('')).toEqual([]));
  test('sections without content are the defaults', () => expect(problems('global:\nruntime:\nscrape_configs:\nremote_write:\ntributary:\notlp:\nstorage:\nalerting:\ntracing:')).toEqual([]));
});

describe('global', () => {
  refuses(inGlobal, [
    ['scrape_interval: 15', 'global.scrape_interval: not a valid duration string: "15"'],
    ['scrape_interval: 10s\nscrape_timeout: 11s', 'global scrape timeout greater than scrape interval'],
    ['scrape_protocols: []', 'scrape_protocols cannot be empty for global config'],
    ['scrape_protocols: [PrometheusProto, PrometheusProto]', 'duplicated protocol in scrape_protocols, got [PrometheusProto PrometheusProto] for global config'],
    ['scrape_protocols: [x]', 'scrape_protocols: unknown scrape protocol x, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] for global config'],
    ['external_labels: {"": x}', '"" is not a valid label name'],
    ['metric_name_validation_scheme: legacy\nexternal_labels: {a-b: x}', '"a-b" is not a valid label name'],
    ['external_labels: {a: x, a: y}', 'key "a" already set in map'],
    ['sample_limit: -1', 'cannot unmarshal !!int "-1", expected a whole number, 0 or more (uint)'],
    ['body_size_limit: 100', 'units: unknown unit  in 100'],
    ['metric_name_validation_scheme: UTF8', 'unrecognized ValidationScheme: "UTF8"'],
    ['metric_name_escaping_scheme: x', `unknown global name escaping method specified, must be one of 'allow-utf-8', 'underscores', 'dots', or 'values', got "x"`],
    ['scrape_classic_histograms: true', 'field scrape_classic_histograms not found, the nearest known key is always_scrape_classic_histograms'],
  ]);
});

describe('a job', () => {
  refuses((lines) => problems(`scrape_configs:\n- ${lines}`), [
    ['scheme: http', '2:3: scrape_configs[0].job_name: job_name is empty'],
    ['job_name: ""', 'job_name is empty'],
    ['job_name:', 'job_name is empty'],
  ]);
  refuses(inJob, [
    ['scrape_interval: 10s\nscrape_timeout: 11s', 'scrape timeout greater than scrape interval for scrape config with job name "j"'],
    ['scrape_timeout: 2m', 'scrape timeout greater than scrape interval for scrape config with job name "j"'],
    ['scrape_protocols: []', 'scrape_protocols cannot be empty for scrape config with job name "j"'],
    ['scrape_protocols: [x]', 'for scrape config with job name "j"'],
    ['scrape_protocols: x', 'cannot unmarshal !!str, expected a list of string'],
    ['fallback_scrape_protocol: x', 'invalid fallback_scrape_protocol for scrape config with job name "j": unknown scrape protocol x'],
    ['fallback_scrape_protocol: [x]', 'cannot unmarshal !!seq, expected a string'],
    ['honor_labels: "yes"', 'scrape_configs[0].honor_labels: cannot unmarshal !!str "yes", expected true or false'],
    ['honor_labels: 1', 'cannot unmarshal !!int "1", expected true or false'],
    ['params: {a: x}', 'params.a: cannot unmarshal !!str, expected a list of string'],
    ['metric_name_validation_scheme: legacy\nmetric_name_escaping_scheme: allow-utf-8', 'utf8 metric names requested but validation scheme is not set to UTF8'],
    ['metric_name_escaping_scheme: x', 'unknown scrape config name escaping method specified'],
    ['relabel_configs: [~]', 'empty or null target relabeling rule in scrape config'],
    ['metric_relabel_configs: [~]', 'empty or null metric relabeling rule in scrape config'],
    ['static_configs: [~]', 'empty or null section in static_configs'],
    ['static_configs: [{targets: ["http://bad"]}]', '"http://bad" is not a valid hostname'],
    ['static_configs: [{targets: [""]}]', 'instance 0 in group 0: no address'],
    ['static_configs: [{target: [x]}]', 'field target not found, the nearest known key is targets'],
    ['static_configs: [{targets: [x], labels: {"": y}}]', '"" is not a valid label name'],
    ['file_sd_configs: [{files: [f.txt]}]', 'path name "f.txt" is not valid for file discovery'],
    ['file_sd_configs: [{files: []}]', 'file service discovery config must contain at least one path name'],
    ['file_sd_configs: [{files: [f.json], refresh_interval: 0s}]', 'refresh_interval is 0'],
    ['file_sd_configs: [~]', 'empty or null section in file_sd_configs'],
    ['http_sd_configs: [{}]', 'URL is missing'],
    ['http_sd_configs: [{url: "ftp://x"}]', "URL scheme must be 'http' or 'https'"],
    ['http_sd_configs: [{url: "http://"}]', 'host is missing in URL'],
    ['http_sd_configs: [{url: "http://x", bearer_token: a, bearer_token_file: b}]', 'at most one of bearer_token & bearer_token_file must be configured'],
    ['kubernetes_sd_configs: [~]', 'empty or null section in kubernetes_sd_configs'],
    ['kubernetes_sd_configs: [{role: pods}]', 'kubernetes_sd_configs[0].role: unknown Kubernetes SD role "pods", expected one of pod, service, endpoints, endpointslice, node, ingress'],
    ['kubernetes_sd_configs: [{kubeconfig_file: f}]', 'role missing (one of: pod, service, endpoints, endpointslice, node, ingress)'],
    ['kubernetes_sd_configs: [{role: pod, kubeconfig_file: f, api_server: "http://x"}]', "kubeconfig_file: cannot use 'kubeconfig_file' and 'api_server' simultaneously"],
    ['kubernetes_sd_configs: [{role: pod, kubeconfig_file: f, follow_redirects: false}]', "cannot use a custom HTTP client configuration together with 'kubeconfig_file'"],
    ['kubernetes_sd_configs: [{role: pod, kubeconfig_file: f, namespaces: {own_namespace: true}}]', "namespaces: cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously"],
    ['kubernetes_sd_configs: [{role: pod, authorization: {}}]', "to use custom HTTP client configuration please provide the 'api_server' URL explicitly"],
    ['kubernetes_sd_configs: [{role: pod, tls_config: {insecure_skip_verify: true}}]', "to use custom HTTP client configuration please provide the 'api_server' URL explicitly"],
    ['kubernetes_sd_configs: [{role: pod, api_server: "http://x", namespaces: {own_namespace: true}}]', "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously"],
    ['kubernetes_sd_configs: [{role: pod, api_server: "http://x", basic_auth: {username: a, username_file: b}}]', 'at most one of basic_auth username'],
    ['kubernetes_sd_configs: [{role: ingress, selectors: [{role: pod, label: a}]}]', 'selectors[0].role: ingress role supports only ingress selectors'],
    ['kubernetes_sd_configs: [{role: pod, selectors: [{role: pods, label: a}]}]', 'selectors[0].role: unknown Kubernetes SD role "pods"'],
    ['kubernetes_sd_configs: [{role: pod, selectors: [{role: node}, {role: node}]}]', 'selectors[1].role: duplicated selector role: node'],
    ['kubernetes_sd_configs: [{role: pod, selectors: [{role: pod, label: "a in ("}]}]', "selectors[0].label: invalid selector: 'a in ('; found the end, expected"],
    ['kubernetes_sd_configs: [{role: pod, selectors: [{role: pod, field: a}]}]', "selectors[0].field: invalid selector: 'a'; can't understand 'a'"],
    ['kubernetes_sd_configs: [{role: pod, attach_metadata: {nodes: true}}]', 'field nodes not found, the nearest known key is node'],
    ['dns_sd_configs: []', 'dns_sd_configs: this discovery does not exist in this version, expected one of static_configs, file_sd_configs, http_sd_configs, kubernetes_sd_configs'],
    ['consul_sd_configs: []', 'this discovery does not exist in this version'],
    ['static_sd_configs: []', 'field static_sd_configs not found'],
    ['honor_label: true', 'field honor_label not found, the nearest known key is honor_labels'],
  ]);
});

describe('a relabel rule', () => {
  refuses(inRule, [
    ['action: x', 'unknown relabel action "x"'],
    ['action: ""', 'relabel action cannot be empty'],
    ['action:', 'relabel action cannot be empty'],
    ['{}', "relabel configuration for replace action requires 'target_label' value"],
    ['{action: hashmod, target_label: a}', 'relabel configuration for hashmod requires non-zero modulus'],
    ['{action: hashmod, target_label: a, modulus: -1}', 'modulus: cannot unmarshal !!int "-1"'],
    ['{target_label: a, regex: "("}', 'regex: error parsing regexp: missing closing )'],
    ['{action: keep, source_labels: a}', 'cannot unmarshal !!str, expected a list of label name'],
    ['{action: keep, source_labels: [""]}', '"" is not a valid label name'],
    ['{action: lowercase, target_label: a, replacement: x}', "'replacement' can not be set for lowercase action"],
    ['{action: keepequal, source_labels: [a], target_label: b, regex: (.*)}', "keepequal action requires only 'source_labels' and `target_label`, and no other fields"],
    ['{action: labeldrop, regex: a, target_label: b}', "labeldrop action requires only 'regex', and no other fields"],

  ]);

  test('a rule that removes the address is refused with the target it leaves without', () => {
    expect(inJob('static_configs: [{targets: [x]}]\nrelabel_configs: [{action: labeldrop}]').join()).toContain('instance 0 in group 0: no address');
  });
  test('the scheme of the job decides about names', () => {
    expect(inJob('relabel_configs: [{target_label: a-b}]')).toEqual([]);
    expect(inJob('metric_name_validation_scheme: legacy\nrelabel_configs: [{target_label: a-b}]').join()).toContain(`"a-b" is invalid 'target_label' for replace action`);
  });
  test('the scheme of global decides for remote write', () => {
    expect(problems('global: {metric_name_validation_scheme: legacy}\nremote_write: [{url: x, write_relabel_configs: [{target_label: a-b}]}]').join()).toContain('is invalid');
  });
});

const httpCases: readonly Case[] = [
  ['basic_auth: {username: u, username_file: f}', 'at most one of basic_auth username, username_file & username_ref must be configured'],
  ['basic_auth: {password: u, password_file: f}', 'at most one of basic_auth password, password_file & password_ref must be configured'],
  ['basic_auth: {password_ref: f}', 'password_ref needs a secret manager'],
  ['authorization: {type: Basic}', 'authorization type cannot be set to "basic", use "basic_auth" instead'],
  ['authorization: {type: " basic "}', 'authorization type cannot be set to "basic"'],
  ['authorization: {credentials: a, credentials_file: b}', 'at most one of authorization credentials & credentials_file must be configured'],
  ['bearer_token: a\nbearer_token_file: b', 'at most one of bearer_token & bearer_token_file must be configured'],
  ['bearer_token: a\nbasic_auth: {username: u}', 'at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured'],
  ['bearer_token: a\nauthorization: {credentials: u}', 'authorization is not compatible with bearer_token & bearer_token_file'],
  ['basic_auth: {}\nauthorization: {}', 'at most one of basic_auth, oauth2 & authorization must be configured'],
  ['oauth2: {token_url: x}', 'oauth2 client_id must be configured'],
  ['oauth2: {client_id: x}', 'oauth2 token_url must be configured'],
  ['oauth2: {client_id: x, token_url: y, client_secret: a, client_secret_file: b}', 'at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using grant-type=client_credentials'],
  ['oauth2: {client_id: x, token_url: y, signature_algorithm: HS256}', 'valid signature algorithms are RS256, RS384 and RS512'],
  ['oauth2: {client_id: x, token_url: y, grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", client_certificate_key: a, client_certificate_key_file: b}', 'at most one of oauth2 client_certificate_key'],
  ['oauth2: {client_id: x, token_url: y, no_proxy: z}', 'oauth2.no_proxy: if no_proxy is configured, proxy_url must also be configured'],
  ['tls_config: {ca: a, ca_file: b}', 'at most one of ca, ca_file & ca_ref must be configured'],
  ['tls_config: {cert: a, cert_file: b, key: c}', 'at most one of cert, cert_file & cert_ref must be configured'],
  ['tls_config: {cert: a, key: b, key_file: c}', 'at most one of key and key_file must be configured'],
  ['tls_config: {cert: a}', 'exactly one of key or key_file must be configured when a client certificate is configured'],
  ['tls_config: {key: a}', 'exactly one of cert or cert_file must be configured when a client key is configured'],
  ['tls_config: {min_version: TLS9}', 'unknown TLS version: TLS9'],
  ['tls_config: {max_version: x}', 'unknown TLS version: x'],
  ['proxy_connect_header: {a: [b]}', 'if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured'],
  ['proxy_from_environment: true\nproxy_url: "http://p"', 'if proxy_from_environment is configured, proxy_url must not be configured'],
  ['proxy_from_environment: true\nno_proxy: x', 'if proxy_from_environment is configured, no_proxy must not be configured'],
  ['no_proxy: x', 'if no_proxy is configured, proxy_url must also be configured'],
  ['proxy_url: ":"', 'parse ":": missing protocol scheme'],
  ['http_headers: {X: [a]}', 'http_headers.X: cannot unmarshal !!seq, expected a mapping of keys'],
  ...['Authorization', 'Host', 'Content-Encoding', 'Content-Length', 'Content-Type', 'User-Agent', 'Connection', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization', 'Www-Authenticate',
    'Accept-Encoding', 'X-Prometheus-Remote-Write-Version', 'X-Prometheus-Remote-Read-Version', 'X-Prometheus-Scrape-Timeout-Seconds', 'X-Amz-Date', 'X-Amz-Security-Token', 'X-Amz-Content-Sha256',
    'user-agent'].map((name): Case => [`http_headers: {${name}: {values: [a]}}`, `setting header "${name}" is not allowed`]),
];

describe('the HTTP client of a job', () => refuses(inJob, httpCases));
describe('the HTTP client of a remote write', () => refuses(inRemote, httpCases));

describe('a remote write', () => {
  test('needs a URL', () => expect(problems('remote_write: [{}]')).toEqual(['1:16: remote_write[0].url: url for remote_write is empty, expected a URL']));
  test('has a name of its own', () => expect(problems('remote_write: [{url: x, name: a}, {url: y, name: a}]').join()).toContain('found multiple remote write configs with job name "a"'));
  refuses(inRemote, [
    ['protobuf_message: x', 'invalid protobuf_message value: unknown type for remote write protobuf message x, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request'],
    ['headers: {Authorization: x}', 'authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter'],
    ...['host', 'content-encoding', 'content-length', 'content-type', 'user-agent', 'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'www-authenticate', 'accept-encoding',
      'x-prometheus-remote-write-version', 'x-prometheus-remote-read-version', 'x-amz-date', 'x-amz-security-token', 'X-Amz-Content-Sha256'].map((name): Case => [`headers: {${name}: x}`, `${name} is a reserved header. It must not be changed`]),
    ['write_relabel_configs: [~]', 'empty or null relabeling rule in remote write config'],
    ['sigv4: {region: x}\nbasic_auth: {}', 'Currently configured: [basic_auth sigv4]'],
    ['sigv4: {access_key: x}', 'must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config'],
    ['azuread: {}', 'azuread is not supported yet'],
    ['google_iam: {}', 'google_iam is not supported yet'],
    ['queue_config: {capacity: 0}', 'remote write queue capacity must be positive'],
    ['queue_config:', 'remote write queue capacity must be positive'],
    ['queue_config: {max_shards: 0}', 'remote write queue max_shards must be positive'],
    ['queue_config: {min_shards: 0}', 'remote write queue min_shards must be positive'],
    ['queue_config: {min_shards: 3, max_shards: 2}', 'remote write queue min_shards must not be greater than max_shards'],
    ['queue_config: {max_samples_per_send: -1}', 'remote write queue max_samples_per_send must be positive'],
    ['queue_config: {min_backoff: 10s, max_backoff: 1s}', 'remote write queue max_backoff must not be less than min_backoff'],
    ['queue_config: {batch_send_deadline: x}', 'not a valid duration string: "x"'],
    ['failed_request_logging: true', 'field failed_request_logging not found'],
  ]);
});

describe('tributary', () => {
  refuses(inTributary, [
    ['queues: {}', 'field queues not found, the nearest known key is queue'],
    ['queue: {max_bytes: 1}', 'units: unknown unit'],
    ['queue: {max_bytes: 1KB}', 'tributary.queue.max_bytes: 1KiB is too small, expected at least 64KiB'],
    ['queue: {segment_bytes: 1KB}', '1KiB is out of range, expected 64KiB to 1GiB'],
    ['queue: {fsync: never}', 'unknown fsync policy "never", expected one of interval, always, none'],
    ['queue: {fsync_interval: 1ms}', 'expected 10ms to 1m'],
    ['queue: {free_space_floor: 5}', '"5" is neither a share nor a size, expected 5%'],
    ['queue: {free_space_floor: 100%}', 'expected 5% (below 100%)'],
    ['destinations: {c: {}}', '3:21: tributary.destinations.c: no remote_write is named "c", expected one of a, b'],
    ['destinations: {a: {profile: mimri}}', 'unknown profile "mimri", expected one of auto, victoriametrics, mimir'],
    ['destinations: {a: {profile: mimir, lanes: live_first}}', 'live_first does not go with profile mimir'],
    ['destinations: {a: {pace: {items_per_second: 10, burst_items: 8}}}', 'a pace of 10 items a second is above the burst of 8 items'],
    ['destinations: {a: {pace: {schedule: [{from: "25:00"}]}}}', '"25:00" is no time of day'],
    ['destinations: {a: {connection_max_age: 10ms}}', 'connection_max_age is out of range, expected 0 or 1s and more'],
    ['destinations: {a: {endpoints: ["http://b", "ftp://c"]}}', 'endpoint 2 has no http or https address'],
    ['destinations: {a: {max_delay: 11m}}', 'max_delay is out of range, expected 0 to 10m'],
    ['destinations: {a: {max_bytes: 1KB}}', 'max_bytes is 1KiB, expected at least the smallest segment, 64KiB'],
    ['destinations: {a: {max_bytes: 15GB}, b: {max_bytes: 6GB}}', 'the max_bytes of the destinations add up to 21GiB, expected at most tributary.queue.max_bytes, 20GiB'],
    ['destinations: {a: {max_bytes: 20GB}}', 'expected a rest for 1 remote_write without a quota'],
  ]);
});
