// The synthetic exporter's repertoire: every edge of scraping that can be told apart from outside, one job each.

import { openMetricsType, type Page, type SyntheticCase } from './synthetic.ts';

const om = (body: string): Page => ({ body, type: openMetricsType });
const rules = (...lines: readonly string[]) => ['metric_relabel_configs:', ...lines.map((line) => `- ${line}`)];
const targetRules = (...lines: readonly string[]) => ['relabel_configs:', ...lines.map((line) => `- ${line}`)];

const lifeCycles: readonly SyntheticCase[] = [
  { name: 'life', pages: ['a 1\nb 1\n', 'a 2\nb 2\n', 'b 3\n', 'a 4\nb 4\nc 4\n', 'b 5\n', 'b 6\n', 'a 7\nb 7\n', 'c 8\nb 8\na 8\n'] },
  { name: 'order-changes', pages: ['a 1\nb 1\nc 1\n', 'c 2\nb 2\na 2\n', 'b 3\na 3\nd 3\nc 3\n', 'd 4\n'] },
  {
    name: 'failing',
    pages: ['a 1\n', { status: 500, body: 'a 2\n' }, 'a 3\n', { status: 404 }, { status: 204 }, 'a 6\n', { body: 'a 7\n', fault: 'hang' }, 'a 8\n', { body: 'a 9\n', fault: 'close' }, 'a 10\n'],
    job: ['scrape_timeout: 500ms'],
  },
  { name: 'keeps-failing', pages: ['a 1\n', { status: 500 }, { status: 500 }, { status: 500 }, 'a 5\n', 'a 6\n'] },
  { name: 'never-up', pages: [{ status: 503 }, { status: 503 }, { status: 503 }] },
  { name: 'half-a-page', pages: ['a 1\nb 1\nc 1\n', 'a 2\nb two\nc 2\n', 'a 3\nb 3\nc 3\n', 'c 4\nmalformed{ 4\n', { status: 500 }, 'a 6\n'] },
  { name: 'fails-then-breaks', pages: ['a 1\n', 'a 2\n}\n', { status: 500 }, { status: 500 }] },
  { name: 'empty', pages: ['a 1\n', '', 'a 3\n', '\n\n# nothing\n', 'a 5\n', { type: 'none' }] },
  { name: 'vanishing-target', pages: ['a 1\nb 1\n'], targets: "http_sd_configs: [{url: 'http://ADDRESS/discovery/vanishing-target', refresh_interval: 1s}]" },
];

const limits: readonly SyntheticCase[] = [
  { name: 'sample-limit', job: ['sample_limit: 3'], pages: ['a 1\nb 1\n', 'a 2\nb 2\nc 2\nd 2\n', 'a 3\nb 3\nc 3\n', 'a 4\nb 4\nc 4\nd 4\ne 4\n', { status: 500 }, 'a 6\n'] },
  {
    name: 'sample-limit-after-relabelling',
    job: ['sample_limit: 2', ...rules("{source_labels: [__name__], regex: 'drop.*', action: drop}")],
    pages: ['a 1\ndropped_1 1\ndropped_2 1\nb 1\n', 'a 2\ndropped_1 2\nb 2\nc 2\n', 'a 3\n'],
  },
  { name: 'body-size-limit', job: ['body_size_limit: 100B'], pages: ['a 1\n', `a 2\n#${'x'.repeat(94)}\n`, `a 3\n#${'x'.repeat(93)}\n`, { body: `a 4\n#${'x'.repeat(5000)}\n`, gzip: true }, 'a 5\n'] },
  { name: 'label-limit', job: ['label_limit: 5'], pages: ['a{x="1"} 1\n', 'a{x="1",y="2"} 2\n', 'a{x="1"} 3\nb{x="1",y="2",z="3"} 3\n', 'a{x="1"} 4\n'] },
  { name: 'label-name-length-limit', job: ['label_name_length_limit: 9'], pages: ['a{ninechars="1"} 1\n', 'a{tenletters="1"} 2\n', 'a 3\n'] },
  { name: 'label-value-length-limit', job: ['label_value_length_limit: 30'], pages: ['a{x="ok"} 1\n', `a{x="${'v'.repeat(31)}"} 2\n`, `a{x="${'v'.repeat(30)}"} 3\n`] },
  { name: 'target-limit', job: ['target_limit: 1'], pages: ['a 1\n', 'a 2\n', 'a 3\n'], targets: "static_configs: [{targets: ['ADDRESS', 'localhost:1']}]" },
];

const labels: readonly SyntheticCase[] = [
  {
    name: 'conflicts',
    pages: ['a{instance="mine",job="theirs",n="1",exported_n="2"} 1\na{instance="mine",exported_instance="x"} 2\na{exported_exported_n="5",n="6"} 3\na{n=""} 4\na{x="",y="1"} 5\n', 'a{n="1"} 1\n'],
    targets: "static_configs: [{targets: ['ADDRESS'], labels: {n: target, exported_n: target too}}]",
  },
  {
    name: 'honoured',
    job: ['honor_labels: true'],
    pages: ['a{instance="mine",n="1"} 1\na{n="",y="1"} 2\nup{z="1"} 3\nb{exported_n="2"} 4\n', 'a{n="1"} 1\n'],
    targets: "static_configs: [{targets: ['ADDRESS'], labels: {n: target}}]",
  },
  { name: 'duplicate-label', pages: ['a 1\n', 'a{x="1",x="2"} 2\nb 2\n', 'a 3\n'] },
  { name: 'label-order', pages: ['a{x="1",y="2"} 1\n', 'a{y="2",x="1"} 2\n', 'a{ y = "2" , x = "1" , } 3\n', 'a{x="1",y="2"} 4\n'] },
  {
    name: 'escapes',
    pages: ['a{v="back\\\\slash"} 1\na{v="quote\\""} 2\na{v="line\\nbreak"} 3\na{v="other\\x"} 4\na{v="umlaut ä, emoji 🙂, zero\\\\0"} 5\na{v="{},=# "} 6\na{v=" "} 7\n', 'a{v="back\\\\slash"} 1\n'],
  },
  { name: 'bad-utf8-name', pages: ['a 1\n', 'é 2\n', 'a 3\n'] },
];

const oddNumbers = [
  'NaN', 'nan', '+Inf', '-Inf', 'inf', 'Infinity', '-infinity', '1e3', '.5', '5.', '-0', '0', '+7', '5e-324', '2.2250738585072014e-308', '1e-400',
  '1.7976931348623157e308', '9007199254740993', '18446744073709551616', '0.1', '0.30000000000000004', '123456789.123456789', '-1E-7', '1e+21',
].map((written) => `odd{written="${written}"} ${written}\n`);

const numbers: readonly SyntheticCase[] = [
  { name: 'odd-numbers', pages: [oddNumbers.join(''), oddNumbers.join(''), oddNumbers.slice(0, 10).join('')] },
  ...['1e400', '0x1p-3', '1_2', 'true', '1,5', 'StaleNaN', '1 2 3', '1.5 -7', '1 1.5', ''].map((number, i): SyntheticCase => ({ name: `bad-number-${i}`, pages: ['a 1\n', `a ${number}\n`, 'a 3\n'] })),
];

const times: readonly SyntheticCase[] = [
  { name: 'own-times', pages: ['a 1 {t+1000}\nb 1\n', 'a 2 {t+2000}\nb 2\n', 'b 3\n', 'a 4 {t+4000}\nb 4\n', { status: 500 }, 'a 6 {t+6000}\n'] },
  { name: 'own-times-repeated', isRefused: true, pages: ['a 1 {t+1000}\n', 'a 1 {t+1000}\nb 2\n', 'a 3 {t+500}\nb 3\n', 'a 4 {t+4000}\nb 4\n'] },
  { name: 'own-times-ignored', job: ['honor_timestamps: false'], pages: ['a 1 {t+1000}\n', 'a 2 {t+1000}\n', 'b 3 {t+500}\n', 'a 4 {t+4000}\n'] },
  { name: 'own-times-in-the-future', pages: ['a 1 {t+99999000}\nb 1\n', 'b 2\n', 'b 3\n'] },
  { name: 'several-times-on-a-page', pages: ['a 1 {t+1000}\na 2 {t+1500}\na 3 {t+1900}\n', 'a 4 {t+2000}\na 5 {t+2500}\n', 'b 1\n', 'b 2\n'] },
  { name: 'duplicate', isRefused: true, pages: ['a 1\na 1\nb 1\n', 'a 2\na 3\n', 'b 3\nb 3\nb 3\n', 'a 4\n'] },
  { name: 'duplicate-as-labels', isRefused: true, job: rules('{regex: drop, action: labeldrop}'), pages: ['a{drop="1"} 1\na{drop="2"} 2\n', 'a{drop="1"} 3\n', 'b 1\n'] },
];

const formats: readonly SyntheticCase[] = [
  {
    name: 'histogram',
    pages: [1, 2, 3].map((n) => `# HELP h Of things.\n# TYPE h histogram\nh_bucket{le="0.5"} ${n}\nh_bucket{le="1"} ${n + 1}\nh_bucket{le="1e3"} ${n + 2}\nh_bucket{le="+Inf"} ${n + 3}\nh_sum ${n}.5\nh_count ${n + 3}\n`),
  },
  { name: 'summary', pages: [1, 2].map((n) => `# TYPE s summary\ns{quantile="0"} ${n}\ns{quantile="0.99"} ${n + 1}\ns{quantile="1"} NaN\ns_sum 1\ns_count ${n}\n`) },
  { name: 'le-of-a-gauge', pages: ['# TYPE g gauge\ng{le="1"} 1\ng{quantile="1"} 2\n', 'g_bucket{le="1"} 3\n'] },
  {
    name: 'openmetrics',
    pages: [
      om('# TYPE c counter\n# HELP c Of \\"things\\".\n# UNIT c_seconds seconds\nc_total 1\nc_created 1600000000.5\n# TYPE h histogram\nh_bucket{le="1.0"} 1 # {trace_id="x"} 0.5 1600000000\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 0.5\n# TYPE i info\ni_info{v="1"} 1\n# TYPE st stateset\nst{st="on"} 1\nst{st="off"} 0\n# EOF\n'),
      om('c_total 2\n# EOF'),
      om('c_total 3\n'),
      om('c_total 4\n# EOF\nc_total 5\n'),
      om('\nc_total 5\n# EOF\n'),
      om('# TYPE u untyped\nu 1\n# EOF\n'),
      om('t 7 {s+1500}\nc_total 7\n# EOF\n'),
      om('# EOF\n'),
      om('c_total 9\n# EOF\n'),
    ],
  },
  {
    name: 'text-syntax',
    pages: ['#\n# free comment\n#HELP not one\n# \tTYPE\ttabs\tcounter\ntabs\t1\t\na 1\nb{x="1",} 2\nc {x="1"}3\nd{} 4\n\n\n# EOF\ne 5', 'a 1\r\n', 'a 1\n# TYPE a kounter\na 2\n', '# TYPE a counter \na 1\n', "a{x='1'} 1\n", 'a{x=1} 1\n', 'a{x="1" 1\n', '{x="1"} 1\n', 'a{x="1"}} 1\n', '0a 1\n', 'a 10\n'],
  },
  { name: 'compressed', pages: [{ body: 'a 1\n', gzip: true }, { body: `a 2\n# ${'long '.repeat(20_000)}\n`, gzip: true }, 'a 3\n'] },
  { name: 'no-content-type', pages: [{ body: 'a 1\n', type: 'none' }, 'a 2\n'] },
  { name: 'html-content-type', pages: [{ body: 'a 1\n', type: 'text/html' }, 'a 2\n'] },
  { name: 'utf8-names', isRefused: true, pages: ['{"a.b","l.m"="1"} 1\n', 'a 2\n'] },
  { name: 'redirected', pages: [{ status: 302, location: '/redirect-goal/for-redirected' }] },
  { name: 'redirect-goal', pages: ['a 1\n', 'a 2\n', 'a 3\n'] },
  { name: 'redirect-refused', job: ['follow_redirects: false'], pages: [{ status: 302, location: '/redirect-goal/never' }, 'a 2\n'] },
];

const relabelling: readonly SyntheticCase[] = [
  {
    name: 'metric-rules',
    job: rules(
      '{source_labels: [__name__, x], separator: ":", regex: "(.+):(.+)", target_label: joined, replacement: "$2/${1}"}',
      '{source_labels: [__name__], regex: dropped, action: drop}',
      '{source_labels: [x], regex: "1|2|", action: keep}',
      '{regex: "meta_(.+)", action: labelmap, replacement: "mapped_$1"}',
      '{regex: "meta_.*", action: labeldrop}',
      '{source_labels: [x], modulus: 1000, target_label: shard, action: hashmod}',
      '{source_labels: [upper], target_label: upper, action: uppercase}',
      '{source_labels: [lower], target_label: lower, action: lowercase}',
      '{source_labels: [left], target_label: right, action: dropequal}',
      '{source_labels: [__name__], regex: old_name, target_label: __name__, replacement: new_name}',
      '{source_labels: [secret], regex: ".+", target_label: secret, replacement: ""}',
    ),
    pages: ['a{x="1"} 1\na{x="3"} 2\ndropped 3\nb{meta_k="v",meta_l="w"} 4\nc{upper="straße",lower="ÄÖ"} 5\nd{left="s",right="s"} 6\nd{left="s",right="t"} 7\nold_name{secret="s3"} 8\n', 'a{x="2"} 1\n', 'a{x="1"} 1\n'],
  },
  { name: 'labelkeep', isRefused: true, job: rules('{regex: "__name__|job|instance|x", action: labelkeep}'), pages: ['a{x="1",y="2"} 1\n', 'a{x="1",z="2"} 2\n'] },
  { name: 'name-removed', job: rules('{source_labels: [x], regex: remove, target_label: __name__, replacement: ""}'), pages: ['a 1\nb 1\n', 'a 2\nb{x="remove"} 2\n', 'a 3\nb 3\n'] },
  { name: 'all-dropped', job: rules('{source_labels: [__name__], regex: ".*", action: drop}'), pages: ['a 1\n', 'b 2\n'] },
  {
    name: 'target-rules',
    job: [
      'params: {first: [a, b], second: [c]}',
      'metrics_path: /wrong',
      ...targetRules(
        '{source_labels: [__meta_where], target_label: __metrics_path__, replacement: "/$1"}',
        '{target_label: __param_first, replacement: z}',
        '{target_label: instance, replacement: renamed}',
        '{source_labels: [__param_second, __scheme__, __scrape_interval__], target_label: seen}',
        '{regex: "__meta_(kept_.+)", action: labelmap}',
        '{target_label: __tmp, replacement: gone}',
      ),
    ],
    targets: "static_configs: [{targets: ['ADDRESS'], labels: {__meta_where: target-rules, __meta_kept_one: '1', group: g}}]",
    pages: ['a 1\n', 'a{instance="mine"} 2\n'],
  },
  { name: 'dropped-targets', job: targetRules('{source_labels: [keep], regex: "yes", action: keep}'), targets: "static_configs: [{targets: ['localhost:1'], labels: {keep: no}}, {targets: ['ADDRESS'], labels: {keep: 'yes'}}]", pages: ['a 1\n', 'a 2\n'] },
];

export const cases: readonly SyntheticCase[] = [...lifeCycles, ...limits, ...labels, ...numbers, ...times, ...formats, ...relabelling];
