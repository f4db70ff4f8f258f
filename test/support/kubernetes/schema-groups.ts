// The messages of every other built-in kind that the fake API server keeps. Conventions as in schema-meta.ts.

export const groupsSchema = `
message LoadBalancerIngress { string ip = 1; string hostname = 2; optional string ipMode = 3; }
message LoadBalancerStatus { repeated LoadBalancerIngress ingress = 1; }

message ServicePort {
  string name = 1; string protocol = 2; int32 port = 3; IntOrString targetPort = 4; int32 nodePort = 5; optional string appProtocol = 6;
}
message ServiceSpec {
  repeated ServicePort ports = 1; map<string, string> selector = 2; string clusterIP = 3; string type = 4; repeated string externalIPs = 5;
  string sessionAffinity = 7; string loadBalancerIP = 8; repeated string loadBalancerSourceRanges = 9; string externalName = 10;
  string externalTrafficPolicy = 11; int32 healthCheckNodePort = 12; bool publishNotReadyAddresses = 13; optional string ipFamilyPolicy = 17;
  repeated string clusterIPs = 18; repeated string ipFamilies = 19; optional bool allocateLoadBalancerNodePorts = 20;
  optional string loadBalancerClass = 21; optional string internalTrafficPolicy = 22;
}
message ServiceStatus { LoadBalancerStatus loadBalancer = 1; repeated Condition conditions = 2; }
message Service { ObjectMeta metadata = 1; ServiceSpec spec = 2; ServiceStatus status = 3; }

message EndpointAddress { string ip = 1; optional ObjectReference targetRef = 2; string hostname = 3; optional string nodeName = 4; }
message EndpointPort { string name = 1; int32 port = 2; string protocol = 3; optional string appProtocol = 4; }
message EndpointSubset { repeated EndpointAddress addresses = 1; repeated EndpointAddress notReadyAddresses = 2; repeated EndpointPort ports = 3; }
message Endpoints { ObjectMeta metadata = 1; repeated EndpointSubset subsets = 2; }

message SliceConditions { optional bool ready = 1; optional bool serving = 2; optional bool terminating = 3; }
message SliceEndpoint {
  repeated string addresses = 1; SliceConditions conditions = 2; optional string hostname = 3; optional ObjectReference targetRef = 4;
  map<string, string> deprecatedTopology = 5; optional string nodeName = 6; optional string zone = 7;
}
message SlicePort { optional string name = 1; optional string protocol = 2; optional int32 port = 3; optional string appProtocol = 4; }
message EndpointSlice { ObjectMeta metadata = 1; repeated SliceEndpoint endpoints = 2; repeated SlicePort ports = 3; string addressType = 4; }

message Taint { string key = 1; string value = 2; string effect = 3; optional Time timeAdded = 4; }
message NodeSpec {
  string podCIDR = 1; string externalID = 2; string providerID = 3; bool unschedulable = 4; repeated Taint taints = 5; repeated string podCIDRs = 7;
}
message NodeCondition {
  string type = 1; string status = 2; Time lastHeartbeatTime = 3; Time lastTransitionTime = 4; string reason = 5; string message = 6;
}
message NodeAddress { string type = 1; string address = 2; }
message DaemonEndpoint { int32 Port = 1; }
message NodeDaemonEndpoints { DaemonEndpoint kubeletEndpoint = 1; }
message NodeSystemInfo {
  string machineID = 1; string systemUUID = 2; string bootID = 3; string kernelVersion = 4; string osImage = 5; string containerRuntimeVersion = 6;
  string kubeletVersion = 7; string kubeProxyVersion = 8; string operatingSystem = 9; string architecture = 10;
}
message ContainerImage { repeated string names = 1; int64 sizeBytes = 2; }
message NodeStatus {
  map<string, Quantity> capacity = 1; map<string, Quantity> allocatable = 2; string phase = 3; repeated NodeCondition conditions = 4;
  repeated NodeAddress addresses = 5; NodeDaemonEndpoints daemonEndpoints = 6; NodeSystemInfo nodeInfo = 7; repeated ContainerImage images = 8;
}
message Node { ObjectMeta metadata = 1; NodeSpec spec = 2; NodeStatus status = 3; }

message NamespaceSpec { repeated string finalizers = 1; }
message NamespaceStatus { string phase = 1; repeated Condition conditions = 2; }
message Namespace { ObjectMeta metadata = 1; NamespaceSpec spec = 2; NamespaceStatus status = 3; }

message TypedLocalObjectReference { optional string apiGroup = 1; string kind = 2; string name = 3; }
message ServiceBackendPort { string name = 1; int32 number = 2; }
message IngressServiceBackend { string name = 1; ServiceBackendPort port = 2; }
message IngressBackend { optional TypedLocalObjectReference resource = 3; optional IngressServiceBackend service = 4; }
message HTTPIngressPath { string path = 1; IngressBackend backend = 2; optional string pathType = 3; }
message HTTPIngressRuleValue { repeated HTTPIngressPath paths = 1; }
message IngressRuleValue { optional HTTPIngressRuleValue http = 1; }
message IngressRule { string host = 1; IngressRuleValue ingressRuleValue = 2 [(inline) = true]; }
message IngressTLS { repeated string hosts = 1; string secretName = 2; }
message IngressSpec {
  optional IngressBackend defaultBackend = 1; repeated IngressTLS tls = 2; repeated IngressRule rules = 3; optional string ingressClassName = 4;
}
message IngressLoadBalancerIngress { string ip = 1; string hostname = 2; }
message IngressLoadBalancerStatus { repeated IngressLoadBalancerIngress ingress = 1; }
message IngressStatus { IngressLoadBalancerStatus loadBalancer = 1; }
message Ingress { ObjectMeta metadata = 1; IngressSpec spec = 2; IngressStatus status = 3; }

message ReplicaSetSpec { optional int32 replicas = 1; optional LabelSelector selector = 2; PodTemplateSpec template = 3; int32 minReadySeconds = 4; }
message ReplicaSetStatus {
  int32 replicas = 1; int32 fullyLabeledReplicas = 2; int64 observedGeneration = 3; int32 readyReplicas = 4; int32 availableReplicas = 5;
}
message ReplicaSet { ObjectMeta metadata = 1; ReplicaSetSpec spec = 2; ReplicaSetStatus status = 3; }

message JobSpec {
  optional int32 parallelism = 1; optional int32 completions = 2; optional int64 activeDeadlineSeconds = 3; optional LabelSelector selector = 4;
  optional bool manualSelector = 5; PodTemplateSpec template = 6; optional int32 backoffLimit = 7;
}
message JobCondition {
  string type = 1; string status = 2; Time lastProbeTime = 3; Time lastTransitionTime = 4; string reason = 5; string message = 6;
}
message JobStatus {
  repeated JobCondition conditions = 1; optional Time startTime = 2; optional Time completionTime = 3; int32 active = 4; int32 succeeded = 5;
  int32 failed = 6;
}
message Job { ObjectMeta metadata = 1; JobSpec spec = 2; JobStatus status = 3; }

message Secret { ObjectMeta metadata = 1; map<string, bytes> data = 2; string type = 3; optional bool immutable = 5; }
message ConfigMap { ObjectMeta metadata = 1; map<string, string> data = 2; map<string, bytes> binaryData = 3; optional bool immutable = 4; }

message LeaseSpec {
  optional string holderIdentity = 1; optional int32 leaseDurationSeconds = 2; optional MicroTime acquireTime = 3; optional MicroTime renewTime = 4;
  optional int32 leaseTransitions = 5;
}
message Lease { ObjectMeta metadata = 1; LeaseSpec spec = 2; }
`;
