// Pods in protobuf: the kind of which there are most. Part of from-protobuf.ts.

import type { MessageReader } from './message-reader.ts';
import type { Container, ContainerPort, Pod } from './objects.ts';
import { blankMeta, containerPortFields, readCondition, readMeta, readPort } from './protobuf-common.ts';
import type { Draft } from './protobuf-common.ts';
import { podOf } from './shapes.ts';
import { sharePorts } from './share.ts';

export function readPod(reader: MessageReader): Pod {
  let meta = blankMeta;
  let spec: PodSpec = { nodeName: '', containers: [], initContainers: [] };
  let status: PodStatus = { phase: '', hostIp: '', podIp: '', ready: 'unknown', ids: [], initIds: [] };
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else if (field === 2) spec = readPodSpec(reader);
    else if (field === 3) status = readPodStatus(reader);
    else reader.skip();
  }
  const { hostIp, podIp, phase, ready } = status;
  return podOf(meta, {
    nodeName: spec.nodeName, hostIp, podIp, phase, ready,
    containers: withIds(spec.containers, status.ids),
    initContainers: withIds(spec.initContainers, status.initIds),
  });
}

interface PodSpec {
  nodeName: string;
  readonly containers: Draft<Container>[];
  readonly initContainers: Draft<Container>[];
}

function readPodSpec(reader: MessageReader): PodSpec {
  const end = reader.message();
  const spec: PodSpec = { nodeName: '', containers: [], initContainers: [] };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 2) spec.containers.push(readContainer(reader));
    else if (field === 10) spec.nodeName = reader.text();
    else if (field === 20) spec.initContainers.push(readContainer(reader));
    else reader.skip();
  }
  return spec;
}

function readContainer(reader: MessageReader): Draft<Container> {
  const end = reader.message();
  const ports: ContainerPort[] = [];
  let name = '';
  let image = '';
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) name = reader.text();
    else if (field === 2) image = reader.text();
    else if (field === 6) ports.push(readPort(reader, containerPortFields));
    else reader.skip();
  }
  return { name, image, id: '', ports: sharePorts(ports) };
}

interface PodStatus {
  phase: string;
  hostIp: string;
  podIp: string;
  ready: string;
  /** Name, container id, name, container id ... */
  readonly ids: string[];
  readonly initIds: string[];
}

function readPodStatus(reader: MessageReader): PodStatus {
  const end = reader.message();
  const status: PodStatus = { phase: '', hostIp: '', podIp: '', ready: 'unknown', ids: [], initIds: [] };
  let hasReady = false;
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    switch (field) {
      case 1: status.phase = reader.text(); break;
      case 2: {
        const condition = readCondition(reader);
        if (condition.type !== 'Ready' || hasReady) break;
        hasReady = true;
        status.ready = condition.status.toLowerCase();
        break;
      }
      case 5: status.hostIp = reader.text(); break;
      case 6: status.podIp = reader.uniqueText(); break;
      case 8: readContainerId(reader, status.ids); break;
      case 10: readContainerId(reader, status.initIds); break;
      default: reader.skip();
    }
  }
  return status;
}

function readContainerId(reader: MessageReader, ids: string[]): void {
  const end = reader.message();
  let name = '';
  let id = '';
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) name = reader.text();
    else if (field === 8) id = reader.uniqueText();
    else reader.skip();
  }
  ids.push(name, id);
}

function withIds(containers: readonly Draft<Container>[], ids: readonly string[]): readonly Container[] {
  for (const container of containers) {
    for (let i = 0; i < ids.length; i += 2) {
      if (ids[i] !== container.name) continue;
      container.id = ids[i + 1]!;
      break;
    }
  }
  // A list that was filled one by one has room for sixteen more.
  return containers.slice();
}
