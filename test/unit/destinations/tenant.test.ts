import { describe, expect, it } from 'vitest';
import { tenantOf } from '../../../src/destinations/tenant.ts';

const header = (name: string, value: string) => ({ name, values: [value], secrets: [], files: [] });

describe('tenantOf', () => {
  for (const [path, expected] of [
    ['/insert/42/prometheus/api/v1/write', { by: 'path', id: '42:0' }], ['/insert/42:7/prometheus/api/v1/write', { by: 'path', id: '42:7' }],
    ['/insert/multitenant/prometheus/api/v1/write', { by: 'labels', id: undefined }], ['/api/v1/write', undefined],
    ['/insert/prometheus/api/v1/write', { by: 'headers', id: '0:0' }],
  ] as const) {
    it(`finds it at ${path}`, () => expect(tenantOf(`http://vminsert:8480${path}`, [])).toEqual(expected));
  }

  it('headers name account and project, in any case', () => {
    const headers = [header('accountid', '3'), header('ProjectID', '4')];
    expect(tenantOf('http://vminsert:8480/insert/prometheus/api/v1/write', headers)).toEqual({ by: 'headers', id: '3:4' });
  });

  it('the header value multitenant leaves it to the labels', () => {
    expect(tenantOf('http://vminsert:8480/insert/prometheus/api/v1/write', [header('AccountID', 'multitenant')])).toEqual({ by: 'labels', id: undefined });
  });

  it('the headers mean nothing beside a tenant in the path', () => {
    expect(tenantOf('http://vminsert:8480/insert/1/prometheus/api/v1/write', [header('AccountID', '9')])).toEqual({ by: 'path', id: '1:0' });
  });
});
