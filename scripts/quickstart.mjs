// The quickstart: the whole job on one machine. The collector scrapes itself and a node exporter on 127.0.0.1:9100 and writes to VictoriaMetrics
// on 127.0.0.1:8428. Of these two, what does not answer is started from the cached Debian packages and ended with the collector; what cannot
// be had is said, and the samples wait on disk.

import { spawn } from 'node:child_process';
import { mkdirSync, openSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './ensure.mjs';
import { fetchPeers, peerBinary } from './peers.mjs';

const data = join(root, 'data', 'quickstart');
const page = 'http://127.0.0.1:9090/';
const storage = 'http://127.0.0.1:8428';

const helpers = [
  {
    name: 'VictoriaMetrics',
    binary: 'victoria-metrics',
    probe: `${storage}/health`,
    // Without the offset, queries would hide the newest 30 seconds.
    args: ['-httpListenAddr=127.0.0.1:8428', `-storageDataPath=${join(data, 'victoria-metrics')}`, '-retentionPeriod=7d', '-search.latencyOffset=1s'],
    without: 'the samples wait on disk and are delivered as soon as one answers there',
  },
  {
    name: 'node exporter',
    binary: 'prometheus-node-exporter',
    probe: 'http://127.0.0.1:9100/metrics',
    args: ['--web.listen-address=127.0.0.1:9100'],
    without: 'its target shows as down until one answers there',
  },
];

/** How long a helper may take to answer after it was started, milliseconds. */
const helperStartMs = 20_000;
/** The first scrapes come within one interval of 5 s, their delivery a second later, milliseconds. */
const firstDeliveryMs = 10_000;

/** Starts what is missing; returns the collector's arguments. Its last three lines follow when the collector is ready. */
export async function prepareQuickstart() {
  mkdirSync(data, { recursive: true });
  const missing = [];
  for (const helper of helpers) {
    if (await answers(helper.probe)) console.log(`${helper.name}: answers on ${hostOf(helper.probe)} already`);
    else missing.push(helper);
  }
  const peers = missing.length > 0 ? announceFetch(missing) : undefined;
  await Promise.all(missing.map((helper) => startHelper(helper, peers)));
  void announceReady();
  return [
    `--config.file=${join(root, 'deploy', 'quickstart', 'tributary.yml')}`,
    `--storage.agent.path=${join(data, 'tributary')}`,
    '--web.listen-address=127.0.0.1:9090',
    '--web.enable-lifecycle',
  ];
}

function announceFetch(missing) {
  if (missing.some(({ binary }) => peerBinary(binary) === undefined)) console.log('Fetching Debian packages of VictoriaMetrics and the node exporter ...');
  return fetchPeers();
}

async function startHelper({ name, binary, probe, args, without }, peers) {
  const path = peerBinary(binary);
  if (path === undefined) {
    console.log(`${name}: not available (${peers.reasons[binary] ?? 'unknown reason'}); ${without} (${hostOf(probe)})`);
    return;
  }
  const log = join(data, `${binary}.log`);
  rmSync(log, { force: true });
  const output = openSync(log, 'a');
  // A group of its own: Ctrl-C must reach the collector first, which still has samples to deliver.
  const child = spawn(path, args, { stdio: ['ignore', output, output], detached: true });
  child.on('error', (error) => console.log(`${name}: cannot be started: ${error.message}`));
  child.unref();
  process.on('exit', () => child.kill('SIGTERM'));
  const isUp = await until(() => answers(probe), helperStartMs, () => child.exitCode !== null);
  console.log(isUp ? `${name}: started on ${hostOf(probe)}` : `${name}: does not answer, see ${relative(root, log)}; ${without}`);
}

async function announceReady() {
  await until(() => answers(`${page}-/ready`, 200), Number.POSITIVE_INFINITY, () => false);
  // The three lines come last: what the first delivery has to say is waited for.
  await until(hasDelivered, firstDeliveryMs, () => false);
  console.log(`Page:   ${page}`);
  const hint = (await answers(`${storage}/health`)) ? '' : ' (as soon as a VictoriaMetrics answers there)';
  console.log(`Query:  curl '${storage}/api/v1/query?query=up'${hint}`);
  console.log(`Stop:   Ctrl-C (data stays in ${relative(root, data)})`);
}

/** Whether the destination has acknowledged something since the start, or said why not. */
async function hasDelivered() {
  try {
    const response = await fetch(`${page}api/v1/status/destinations`);
    const { destinations } = (await response.json()).data;
    return destinations.some(({ lastSuccessTime, lastError }) => !lastSuccessTime.startsWith('0001') || lastError !== '');
  } catch {
    return false;
  }
}

/** Asks again every 200 ms; false when time is over or `gaveUp` says so. */
async function until(condition, limitMs, gaveUp) {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (gaveUp() || performance.now() > end) return false;
    await sleep(200);
  }
  return true;
}

/** Whether anything answers; with `status`, whether it answers exactly that. */
function answers(url, status) {
  return new Promise((resolve) => {
    const call = request(url, { timeout: 2000, agent: false }, (response) => {
      response.resume();
      resolve(status === undefined || response.statusCode === status);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
}

function hostOf(url) {
  return new URL(url).host;
}
