// Endpoints and EndpointSlices in protobuf. Part of from-protobuf.ts.

import type { MessageReader } from './message-reader.ts';
import type { ContainerPort, EndpointAddress, EndpointSlice, EndpointSubset, Endpoints, SliceEndpoint, SlicePort } from './objects.ts';
import { blankMeta, endpointPortFields, readMeta, readPair, readPort, readTarget } from './protobuf-common.ts';
import type { Draft } from './protobuf-common.ts';
import { endpointSliceOf, endpointsOf } from './shapes.ts';

export function readEndpoints(reader: MessageReader): Endpoints {
  let meta = blankMeta;
  const subsets: EndpointSubset[] = [];
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else if (field === 2) subsets.push(readSubset(reader));
    else reader.skip();
  }
  return endpointsOf(meta, { subsets });
}

function readSubset(reader: MessageReader): EndpointSubset {
  const end = reader.message();
  const addresses: EndpointAddress[] = [];
  const notReadyAddresses: EndpointAddress[] = [];
  const ports: ContainerPort[] = [];
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) addresses.push(readAddress(reader));
    else if (field === 2) notReadyAddresses.push(readAddress(reader));
    else if (field === 3) ports.push(readPort(reader, endpointPortFields));
    else reader.skip();
  }
  return { addresses, notReadyAddresses, ports };
}

function readAddress(reader: MessageReader): EndpointAddress {
  const end = reader.message();
  const address: Draft<EndpointAddress> = { ip: '', hostname: '', nodeName: undefined, target: undefined };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) address.ip = reader.uniqueText();
    else if (field === 2) address.target = readTarget(reader);
    else if (field === 3) address.hostname = reader.uniqueText();
    else if (field === 4) address.nodeName = reader.text();
    else reader.skip();
  }
  return address;
}

export function readEndpointSlice(reader: MessageReader): EndpointSlice {
  let meta = blankMeta;
  let addressType = '';
  const endpoints: SliceEndpoint[] = [];
  const ports: SlicePort[] = [];
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else if (field === 2) endpoints.push(readSliceEndpoint(reader));
    else if (field === 3) ports.push(readSlicePort(reader));
    else if (field === 4) addressType = reader.text();
    else reader.skip();
  }
  return endpointSliceOf(meta, { addressType, endpoints: endpoints.slice(), ports: ports.slice() });
}

function readSliceEndpoint(reader: MessageReader): SliceEndpoint {
  const end = reader.message();
  const addresses: string[] = [];
  const topology: string[] = [];
  const endpoint: Draft<SliceEndpoint> = {
    addresses, ready: undefined, serving: undefined, terminating: undefined, hostname: undefined, nodeName: undefined, zone: undefined, target: undefined, topology,
  };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    switch (field) {
      case 1: addresses.push(reader.uniqueText()); break;
      case 2: readSliceConditions(reader, endpoint); break;
      case 3: endpoint.hostname = reader.text(); break;
      case 4: endpoint.target = readTarget(reader); break;
      case 5: readPair(reader, topology); break;
      case 6: endpoint.nodeName = reader.text(); break;
      case 7: endpoint.zone = reader.text(); break;
      default: reader.skip();
    }
  }
  return endpoint;
}

function readSliceConditions(reader: MessageReader, endpoint: Draft<SliceEndpoint>): void {
  const end = reader.message();
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) endpoint.ready = reader.flag();
    else if (field === 2) endpoint.serving = reader.flag();
    else if (field === 3) endpoint.terminating = reader.flag();
    else reader.skip();
  }
}

function readSlicePort(reader: MessageReader): SlicePort {
  const end = reader.message();
  const port: Draft<SlicePort> = { name: undefined, port: undefined, protocol: undefined, appProtocol: undefined };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) port.name = reader.text();
    else if (field === 2) port.protocol = reader.text();
    else if (field === 3) port.port = reader.integer();
    else if (field === 4) port.appProtocol = reader.text();
    else reader.skip();
  }
  return port;
}
