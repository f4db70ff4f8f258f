import { describe, expect, test } from 'vitest';
import { projectJson } from '../../../src/kubernetes/from-json.ts';
import type { Kind } from '../../../src/kubernetes/objects.ts';

const kinds: Kind[] = [
  'pods', 'services', 'endpoints', 'endpointslices', 'nodes', 'ingresses', 'namespaces', 'replicasets', 'jobs', 'secrets', 'configmaps', 'podmetadata',
];
const blankMeta = { name: '', namespace: '', uid: '', labels: [], annotations: [], owners: [] };

describe('projections from JSON', () => {
  test.each(kinds)('%s: nothing is expected of an object', (kind) => {
    const blank = projectJson(kind, {});
    expect(blank).toMatchObject(blankMeta);
    for (const odd of [null, undefined, 7, 'x', [], { metadata: null, spec: null, status: null }, { metadata: { labels: null, name: 7 }, spec: 1, status: [] }]) {
      expect(projectJson(kind, odd)).toEqual(blank);
    }
  });

  test('a pod', () => {
    const pod = projectJson('pods', {
      metadata: {
        name: 'web-1', namespace: 'shop', uid: 'u-1', labels: { app: 'web' }, annotations: { note: 'x' },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'web', controller: true }, { kind: 'X', name: 'y' }],
      },
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'main', image: 'img:1', ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] }, { name: 'side', image: 'img:2' }],
        initContainers: [{ name: 'init', image: 'img:3', ports: null }],
      },
      status: {
        phase: 'Running', podIP: '10.0.0.1', hostIP: '10.1.0.1', conditions: [{ type: 'Other', status: 'False' }, { type: 'Ready', status: 'True' }],
        containerStatuses: [{ name: 'side', containerID: 'c://2' }, { name: 'main', containerID: 'c://1' }],
        initContainerStatuses: [{ name: 'main', containerID: 'c://9' }],
      },
    });
    expect(pod).toEqual({
      name: 'web-1', namespace: 'shop', uid: 'u-1', labels: ['app', 'web'], annotations: ['note', 'x'],
      owners: [{ kind: 'ReplicaSet', name: 'web', controller: true }, { kind: 'X', name: 'y', controller: false }],
      nodeName: 'n1', hostIp: '10.1.0.1', podIp: '10.0.0.1', phase: 'Running', ready: 'true',
      containers: [
        { name: 'main', image: 'img:1', id: 'c://1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
        { name: 'side', image: 'img:2', id: 'c://2', ports: [] },
      ],
      initContainers: [{ name: 'init', image: 'img:3', id: '', ports: [] }],
    });
  });

  test('a pod without the condition Ready is unknown', () => expect(projectJson('pods', {})).toMatchObject({ ready: 'unknown' }));
  test('pod metadata keeps no annotations', () =>
    expect(projectJson('podmetadata', { metadata: { name: 'a', annotations: { x: 'y' }, labels: { k: 'v' } } })).toEqual({ ...blankMeta, name: 'a', labels: ['k', 'v'] }));

  test('absent and empty are told apart in endpoint slices', () => {
    const slice = projectJson('endpointslices', {
      addressType: 'IPv4', ports: [{ name: '', port: 0, protocol: 'TCP' }, {}],
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: false }, hostname: '', targetRef: { kind: 'Pod', name: 'p', namespace: 'n' }, deprecatedTopology: { zone: 'a' } }, { conditions: null }],
    });
    expect(slice).toMatchObject({ addressType: 'IPv4', ports: [{ name: '', port: 0, protocol: 'TCP' }, {}] });
    expect(slice.ports[1]).toEqual({ name: undefined, port: undefined, protocol: undefined, appProtocol: undefined });
    expect(slice.endpoints[0]).toMatchObject({ ready: false, serving: undefined, hostname: '', nodeName: undefined, target: { kind: 'Pod', name: 'p', namespace: 'n' }, topology: ['zone', 'a'] });
    expect(slice.endpoints[1]).toMatchObject({ addresses: [], ready: undefined, target: undefined, topology: [] });
  });

  test('a node', () => {
    const node = projectJson('nodes', {
      metadata: { name: 'n1' }, spec: { providerID: 'aws:///x' },
      status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }], conditions: [{ type: 'Ready', status: 'True' }], daemonEndpoints: { kubeletEndpoint: { Port: 10250 } } },
    });
    expect(node).toMatchObject({ providerId: 'aws:///x', kubeletPort: 10250, addresses: [{ type: 'InternalIP', address: '10.0.0.2' }], conditions: [{ type: 'Ready', status: 'True' }] });
  });

  test('an ingress', () => {
    const ingress = projectJson('ingresses', {
      spec: { ingressClassName: 'nginx', tls: [{ hosts: ['a', 'b'] }, { hosts: null }, { hosts: ['c'] }], rules: [{ host: 'a', http: { paths: [{ path: '/x' }, {}] } }, { host: 'b' }] },
    });
    expect(ingress).toMatchObject({ className: 'nginx', tlsHosts: ['a', 'b', 'c'], rules: [{ host: 'a', paths: ['/x', ''] }, { host: 'b', paths: [] }] });
  });

  test('data is bytes, whatever the encoding', () => {
    const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text));
    expect(projectJson('secrets', { data: { token: Buffer.from('ü').toString('base64'), none: null } }).data).toEqual(new Map([['token', bytesOf('ü')], ['none', bytesOf('')]]));
    expect(projectJson('configmaps', { data: { a: 'ü' }, binaryData: { b: 'AAE=' } }).data).toEqual(new Map([['a', bytesOf('ü')], ['b', Uint8Array.of(0, 1)]]));
  });
});
