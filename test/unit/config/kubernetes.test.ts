// tributary.kubernetes: the API server that is asked for what concerns all jobs.

import { describe, expect, test } from 'vitest';
import { indent, loaded, problems } from './helper.ts';

const text = (lines: string) => `tributary:\n  kubernetes:\n${indent(lines, 4)}\n`;
const server = (lines: string) => loaded(text(lines)).settings.kubernetes;

describe('which API server', () => {
  test('that of the cluster, unless it is told', () => expect(loaded('').settings.kubernetes).toEqual({ kind: 'in_cluster' }));
  test('one by its URL', () => expect(server('api_server: http://127.0.0.1:8001\nfollow_redirects: false')).toMatchObject({ kind: 'url', url: 'http://127.0.0.1:8001', http: { followRedirects: false } }));
  test('that of a kubeconfig', () => expect(server('kubeconfig_file: /etc/kubeconfig')).toEqual({ kind: 'kubeconfig', path: '/etc/kubeconfig' }));
});

describe('what is refused', () => {
  test.each([
    ['both', 'api_server: http://a/\nkubeconfig_file: /b', 'expected one of them'],
    ['options of a client that is given', 'follow_redirects: false', 'expected its URL'],
    ['a URL that is none', 'api_server: "::"', 'api_server'],
  ])('%s', (_what, lines, expected) => expect(problems(text(lines)).join('\n')).toContain(expected));
});
