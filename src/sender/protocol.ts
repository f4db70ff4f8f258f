// What a request says about its body in headers. Source: the remote write specifications 1.0 and 2.0; VictoriaMetrics for its own version header.

import type { Codec, Message } from '../destinations/profile.ts';

/** Thanos compares this one byte by byte: without a space, and with exactly this version. */
const CONTENT_TYPE: Readonly<Record<Message, string>> = {
  '1.0': 'application/x-protobuf',
  '2.0': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
};

/** Promscale refuses whatever is not 0.1.x. */
const VERSION: Readonly<Record<Message, string>> = { '1.0': '0.1.0', '2.0': '2.0.0' };

/** Headers that follow from the body alone. */
export function requestHeaders(body: { readonly message: Message; readonly codec: Codec }): Record<string, string> {
  return {
    'Content-Type': CONTENT_TYPE[body.message],
    'Content-Encoding': body.codec,
    'X-Prometheus-Remote-Write-Version': VERSION[body.message],
    // zstd of VictoriaMetrics, which is not part of remote write 1.0.
    ...(body.codec === 'zstd' && body.message === '1.0' ? { 'X-VictoriaMetrics-Remote-Write-Version': '1' } : {}),
  };
}
