// What people and scripts see of announced destinations: what is refused comes first and with its reason.

import { afterEach, describe, expect, test } from 'vitest';
import type { MasterState } from '../../../src/destinations/masters/state.ts';
import type { MastersView } from '../../../src/web/view.ts';
import { startTestServer, type TestServer } from './fake-agent.ts';

const open: TestServer[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map(({ server }) => server.close()))));

const active: MasterState = {
  document: 'hero-user-a/tributary-route', source: 'secrets/tributary-route', owner: 'a', destination: 'master-a', state: 'active', problems: [],
  sinceMs: Date.UTC(2026, 0, 2), removedMs: undefined, endsMs: undefined, isTold: true, endpoints: ['https://vm.a.example/w'],
};
const broken: MasterState = { ...active, destination: 'master-b', document: 'hero-user-b/tributary-route', state: 'broken', problems: ['field <b>x</b> not found'] };
const refused: MasterState = { ...active, destination: '', document: 'kube-system/tributary-route', state: 'refused', problems: ['tells no owner'], sinceMs: undefined, endpoints: [] };
const leaving: MasterState = { ...active, destination: 'master-c', state: 'leaving', removedMs: Date.UTC(2026, 0, 2), endsMs: Date.UTC(2026, 0, 2, 1), isTold: false };
const view = (masters: MasterState[], change: Partial<MastersView> = {}) => ({ masters: () => ({ masters, sources: [{ source: 'secrets/tributary-route', isSynced: true, error: '' }], keepError: '', ...change }), destinations: () => [] });

async function get(path: string, change: Parameters<typeof startTestServer>[0]): Promise<string> {
  const web = await startTestServer(change);
  open.push(web);
  return (await fetch(web.base + path)).text();
}

test('/api/v1/status/masters tells all of it', async () => {
  const { data } = JSON.parse(await get('/api/v1/status/masters', view([broken, leaving]))) as { data: unknown };
  expect(data).toEqual({
    sources: [{ source: 'secrets/tributary-route', isSynced: true, error: '' }],
    keepError: '',
    masters: [
      { document: broken.document, source: broken.source, owner: 'a', destination: 'master-b', state: 'broken', problems: broken.problems, isTold: true, endpoints: broken.endpoints,
        sinceTime: '2026-01-02T00:00:00Z', removedTime: '0001-01-01T00:00:00Z', endsTime: '0001-01-01T00:00:00Z',
        alarms: [{ kind: 'refused', text: 'the document is refused, the last good document stays in force: field <b>x</b> not found' }] },
      expect.objectContaining({ state: 'leaving', isTold: false, endsTime: '2026-01-02T01:00:00Z', alarms: [{ kind: 'leaving', text: 'its document is gone: it is removed at 2026-01-02T01:00:00Z' }] }) as object,
    ],
  });
});

describe('the page', () => {
  test('has nothing about it where nothing is announced', async () => expect(await get('/', view([], { sources: [] }))).not.toContain('Announced destinations'));
  test('says why a document is refused, without believing it', async () => {
    const page = await get('/', view([active, broken, refused]));
    expect(page).toContain('Announced destinations (2)');
    expect(page).toContain('field &lt;b&gt;x&lt;/b&gt; not found');
    expect(page).toContain('<li><b>kube-system/tributary-route</b> refused: the document is refused, there is no destination: tells no owner</li>');
  });
  test('says what has not been told, and what is not kept', async () => {
    const page = await get('/', view([], { sources: [{ source: 'files//routes', isSynced: false, error: 'ENOENT' }], keepError: 'ENOSPC' }));
    expect(page).toContain('files//routes has not told its documents yet: ENOENT');
    expect(page).toContain('<li><b>announced destinations</b> not kept: a start without their source would not have them: ENOSPC</li>');
  });
});
