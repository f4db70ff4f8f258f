// The messages of every other built-in kind that the fake API server keeps. Conventions as in schema-meta.ts.

export const groupsSchema = `
message LoadBalancerIngress { required string ip = 1; required string hostname = 2; optional string ipMode = 3; }
message LoadBalancerStatus { repeated LoadBalancerIngress ingress = 1; }

message ServicePort {
  required string name = 1; required string protocol = 2; required int32 port = 3; required IntOrString targetPort = 4; required int32 nodePort = 5; optional string appProtocol = 6;
}
message ServiceSpec {
  repeated ServicePort ports = 1; map<string, string> selector = 2; required string clusterIP = 3; required string type = 4; repeated string externalIPs = 5;
  required string sessionAffinity = 7; required string loadBalancerIP = 8; repeated string loadBalancerSourceRanges = 9; required string externalName = 10;
  required string externalTrafficPolicy = 11; required int32 healthCheckNodePort = 12; required bool publishNotReadyAddresses = 13; optional string ipFamilyPolicy = 17;
  repeated string clusterIPs = 18; repeated string ipFamilies = 19; optional bool allocateLoadBalancerNodePorts = 20;
  optional string loadBalancerClass = 21; optional string internalTrafficPolicy = 22;
}
message ServiceStatus { required LoadBalancerStatus loadBalancer = 1; repeated Condition conditions = 2; }
message Service { required ObjectMeta metadata = 1; required ServiceSpec spec = 2; required ServiceStatus status = 3; }

message EndpointAddress { required string ip = 1; optional ObjectReference targetRef = 2; required string hostname = 3; optional string nodeName = 4; }
message EndpointPort { required string name = 1; required int32 port = 2; required string protocol = 3; optional string appProtocol = 4; }
message EndpointSubset { repeated EndpointAddress addresses = 1; repeated EndpointAddress notReadyAddresses = 2; repeated EndpointPort ports = 3; }
message Endpoints { required ObjectMeta metadata = 1; repeated EndpointSubset subsets = 2; }

message SliceConditions { optional bool ready = 1; optional bool serving = 2; optional bool terminating = 3; }
message SliceEndpoint {
  repeated string addresses = 1; required SliceConditions conditions = 2; optional string hostname = 3; optional ObjectReference targetRef = 4;
  map<string, string> deprecatedTopology = 5; optional string nodeName = 6; optional string zone = 7;
}
message SlicePort { optional string name = 1; optional string protocol = 2; optional int32 port = 3; optional string appProtocol = 4; }
message EndpointSlice { required ObjectMeta metadata = 1; repeated SliceEndpoint endpoints = 2; repeated SlicePort ports = 3; required string addressType = 4; }

message Taint { required string key = 1; required string value = 2; required string effect = 3; optional Time timeAdded = 4; }
message NodeSpec {
  required string podCIDR = 1; required string externalID = 2; required string providerID = 3; required bool unschedulable = 4; repeated Taint taints = 5; repeated string podCIDRs = 7;
}
message NodeCondition {
  required string type = 1; required string status = 2; required Time lastHeartbeatTime = 3; required Time lastTransitionTime = 4; required string reason = 5; required string message = 6;
}
message NodeAddress { required string type = 1; required string address = 2; }
message DaemonEndpoint { required int32 Port = 1; }
message NodeDaemonEndpoints { required DaemonEndpoint kubeletEndpoint = 1; }
message NodeSystemInfo {
  required string machineID = 1; required string systemUUID = 2; required string bootID = 3; required string kernelVersion = 4; required string osImage = 5; required string containerRuntimeVersion = 6;
  required string kubeletVersion = 7; required string kubeProxyVersion = 8; required string operatingSystem = 9; required string architecture = 10;
}
message ContainerImage { repeated string names = 1; required int64 sizeBytes = 2; }
message NodeStatus {
  map<string, Quantity> capacity = 1; map<string, Quantity> allocatable = 2; required string phase = 3; repeated NodeCondition conditions = 4;
  repeated NodeAddress addresses = 5; required NodeDaemonEndpoints daemonEndpoints = 6; required NodeSystemInfo nodeInfo = 7; repeated ContainerImage images = 8;
}
message Node { required ObjectMeta metadata = 1; required NodeSpec spec = 2; required NodeStatus status = 3; }

message NamespaceSpec { repeated string finalizers = 1; }
message NamespaceStatus { required string phase = 1; repeated Condition conditions = 2; }
message Namespace { required ObjectMeta metadata = 1; required NamespaceSpec spec = 2; required NamespaceStatus status = 3; }

message TypedLocalObjectReference { optional string apiGroup = 1; required string kind = 2; required string name = 3; }
message ServiceBackendPort { required string name = 1; required int32 number = 2; }
message IngressServiceBackend { required string name = 1; required ServiceBackendPort port = 2; }
message IngressBackend { optional TypedLocalObjectReference resource = 3; optional IngressServiceBackend service = 4; }
message HTTPIngressPath { required string path = 1; required IngressBackend backend = 2; optional string pathType = 3; }
message HTTPIngressRuleValue { repeated HTTPIngressPath paths = 1; }
message IngressRuleValue { optional HTTPIngressRuleValue http = 1; }
message IngressRule { required string host = 1; required IngressRuleValue ingressRuleValue = 2 [(inline) = true]; }
message IngressTLS { repeated string hosts = 1; required string secretName = 2; }
message IngressSpec {
  optional IngressBackend defaultBackend = 1; repeated IngressTLS tls = 2; repeated IngressRule rules = 3; optional string ingressClassName = 4;
}
message IngressLoadBalancerIngress { required string ip = 1; required string hostname = 2; }
message IngressLoadBalancerStatus { repeated IngressLoadBalancerIngress ingress = 1; }
message IngressStatus { required IngressLoadBalancerStatus loadBalancer = 1; }
message Ingress { required ObjectMeta metadata = 1; required IngressSpec spec = 2; required IngressStatus status = 3; }

message ReplicaSetSpec { optional int32 replicas = 1; optional LabelSelector selector = 2; required PodTemplateSpec template = 3; required int32 minReadySeconds = 4; }
message ReplicaSetStatus {
  required int32 replicas = 1; required int32 fullyLabeledReplicas = 2; required int64 observedGeneration = 3; required int32 readyReplicas = 4; required int32 availableReplicas = 5;
}
message ReplicaSet { required ObjectMeta metadata = 1; required ReplicaSetSpec spec = 2; required ReplicaSetStatus status = 3; }

message JobSpec {
  optional int32 parallelism = 1; optional int32 completions = 2; optional int64 activeDeadlineSeconds = 3; optional LabelSelector selector = 4;
  optional bool manualSelector = 5; required PodTemplateSpec template = 6; optional int32 backoffLimit = 7;
}
message JobCondition {
  required string type = 1; required string status = 2; required Time lastProbeTime = 3; required Time lastTransitionTime = 4; required string reason = 5; required string message = 6;
}
message JobStatus {
  repeated JobCondition conditions = 1; optional Time startTime = 2; optional Time completionTime = 3; required int32 active = 4; required int32 succeeded = 5;
  required int32 failed = 6;
}
message Job { required ObjectMeta metadata = 1; required JobSpec spec = 2; required JobStatus status = 3; }

message Secret { required ObjectMeta metadata = 1; map<string, bytes> data = 2; required string type = 3; optional bool immutable = 5; }
message ConfigMap { required ObjectMeta metadata = 1; map<string, string> data = 2; map<string, bytes> binaryData = 3; optional bool immutable = 4; }

message LeaseSpec {
  optional string holderIdentity = 1; optional int32 leaseDurationSeconds = 2; optional MicroTime acquireTime = 3; optional MicroTime renewTime = 4;
  optional int32 leaseTransitions = 5;
}
message Lease { required ObjectMeta metadata = 1; required LeaseSpec spec = 2; }
`;
