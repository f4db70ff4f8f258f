// The file of `--web.config.file` in force: looked at for every request and connection, as in Prometheus, and parsed again when its bytes have changed. While it is wrong
// nobody gets in: what it said before may be what was taken back.

import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { formatProblem } from '../config/problem.ts';
import { createSources, readAs } from '../config/source.ts';
import { errorText, TributaryError } from '../model/error.ts';
import { webBlock, type ServerTlsVersion, type WebBlock, type WebTlsBlock } from './config.ts';

const versions: Readonly<Record<ServerTlsVersion, SecureVersion>> = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' };

export interface WebFile {
  /** The file as it is now. Fails with WEB_CONFIG_INVALID. */
  current(): WebBlock['values'];
  /** What TLS needs, with a text that is another one for other options; undefined without TLS. Fails with WEB_CONFIG_INVALID. */
  tls(): { readonly options: SecureContextOptions; readonly version: string } | undefined;
}

/** Fails with WEB_CONFIG_INVALID when the file, a certificate or a key is wrong. */
export function openWebFile(file: string): WebFile {
  let bytes: Buffer | undefined;
  let values: WebBlock['values'] | undefined;
  let lastTls = '';
  const opened: WebFile = {
    current() {
      const now = read(file);
      if (values !== undefined && bytes?.equals(now) === true) return values;
      values = undefined;
      values = parse(file, now);
      bytes = now;
      return values;
    },
    tls() {
      const settings = opened.current().tls_server_config;
      if (settings === undefined) return undefined;
      const options = secureOptions(settings);
      const version = JSON.stringify(options);
      if (version !== lastTls) check(file, options);
      lastTls = version;
      return { options, version };
    },
  };
  opened.tls();
  return opened;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw invalid(`${file}: cannot read the file: ${errorText(error)}`);
  }
}

function parse(file: string, bytes: Buffer): WebBlock['values'] {
  const sources = createSources(() => bytes);
  const block = readAs(sources, path.resolve(file), webBlock);
  if (block === undefined || sources.problems.length > 0) throw invalid(sources.problems.map(formatProblem).join('\n'));
  return block.values;
}

function secureOptions({ values }: WebTlsBlock): SecureContextOptions {
  const ca = values.client_ca_file === '' ? values.client_ca : read(values.client_ca_file).toString();
  return {
    cert: values.cert_file === '' ? values.cert : read(values.cert_file).toString(),
    key: values.key_file === '' ? values.key?.reveal() ?? '' : read(values.key_file).toString(),
    minVersion: versions[values.min_version],
    maxVersion: versions[values.max_version],
    ...(ca !== '' && { ca }),
  };
}

function check(file: string, options: SecureContextOptions): void {
  try {
    createSecureContext(options);
  } catch (error) {
    throw invalid(`${file}: tls_server_config: certificate, key or authority cannot be used: ${errorText(error)}`);
  }
}

function invalid(text: string): TributaryError {
  return new TributaryError('WEB_CONFIG_INVALID', text);
}
