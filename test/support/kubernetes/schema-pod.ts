// The message of a pod as the API server sends it: all of what real pods hold (environment, probes, volumes, security contexts, statuses), so that
// bodies have their real sizes. Conventions as in schema-meta.ts.

export const podSchema = `
message LocalObjectReference { string name = 1; }
message ObjectReference {
  string kind = 1; string namespace = 2; string name = 3; string uid = 4; string apiVersion = 5; string resourceVersion = 6; string fieldPath = 7;
}

message ObjectFieldSelector { string apiVersion = 1; string fieldPath = 2; }
message ResourceFieldSelector { string containerName = 1; string resource = 2; Quantity divisor = 3; }
message KeySelector { LocalObjectReference localObjectReference = 1 [(inline) = true]; string key = 2; optional bool optional = 3; }
message EnvVarSource {
  optional ObjectFieldSelector fieldRef = 1; optional ResourceFieldSelector resourceFieldRef = 2; optional KeySelector configMapKeyRef = 3;
  optional KeySelector secretKeyRef = 4;
}
message EnvVar { string name = 1; string value = 2; optional EnvVarSource valueFrom = 3; }
message EnvSourceReference { LocalObjectReference localObjectReference = 1 [(inline) = true]; optional bool optional = 2; }
message EnvFromSource { string prefix = 1; optional EnvSourceReference configMapRef = 2; optional EnvSourceReference secretRef = 3; }

message ContainerPort { string name = 1; int32 hostPort = 2; int32 containerPort = 3; string protocol = 4; string hostIP = 5; }
message ResourceRequirements { map<string, Quantity> limits = 1; map<string, Quantity> requests = 2; }
message VolumeMount {
  string name = 1; bool readOnly = 2; string mountPath = 3; string subPath = 4; optional string mountPropagation = 5; string subPathExpr = 6;
  optional string recursiveReadOnly = 7;
}

message ExecAction { repeated string command = 1; }
message HTTPHeader { string name = 1; string value = 2; }
message HTTPGetAction { string path = 1; IntOrString port = 2; string host = 3; string scheme = 4; repeated HTTPHeader httpHeaders = 5; }
message TCPSocketAction { IntOrString port = 1; string host = 2; }
message GRPCAction { int32 port = 1; optional string service = 2; }
message ProbeHandler {
  optional ExecAction exec = 1; optional HTTPGetAction httpGet = 2; optional TCPSocketAction tcpSocket = 3; optional GRPCAction grpc = 4;
}
message Probe {
  ProbeHandler handler = 1 [(inline) = true]; int32 initialDelaySeconds = 2; int32 timeoutSeconds = 3; int32 periodSeconds = 4; int32 successThreshold = 5;
  int32 failureThreshold = 6; optional int64 terminationGracePeriodSeconds = 7;
}
message LifecycleHandler { optional ExecAction exec = 1; optional HTTPGetAction httpGet = 2; optional TCPSocketAction tcpSocket = 3; }
message Lifecycle { optional LifecycleHandler postStart = 1; optional LifecycleHandler preStop = 2; }

message Capabilities { repeated string add = 1; repeated string drop = 2; }
message SeccompProfile { string type = 1; optional string localhostProfile = 2; }
message SecurityContext {
  optional Capabilities capabilities = 1; optional bool privileged = 2; optional int64 runAsUser = 4; optional bool runAsNonRoot = 5;
  optional bool readOnlyRootFilesystem = 6; optional bool allowPrivilegeEscalation = 7; optional int64 runAsGroup = 8; optional string procMount = 9;
  optional SeccompProfile seccompProfile = 11;
}
message PodSecurityContext {
  optional int64 runAsUser = 2; optional bool runAsNonRoot = 3; repeated int64 supplementalGroups = 4 [packed = false]; optional int64 fsGroup = 5;
  optional int64 runAsGroup = 6; optional string fsGroupChangePolicy = 9; optional SeccompProfile seccompProfile = 10;
}

message Container {
  string name = 1; string image = 2; repeated string command = 3; repeated string args = 4; string workingDir = 5; repeated ContainerPort ports = 6;
  repeated EnvVar env = 7; ResourceRequirements resources = 8; repeated VolumeMount volumeMounts = 9; optional Probe livenessProbe = 10;
  optional Probe readinessProbe = 11; optional Lifecycle lifecycle = 12; string terminationMessagePath = 13; string imagePullPolicy = 14;
  optional SecurityContext securityContext = 15; bool stdin = 16; bool stdinOnce = 17; bool tty = 18; repeated EnvFromSource envFrom = 19;
  string terminationMessagePolicy = 20; optional Probe startupProbe = 22; optional string restartPolicy = 24;
}

message KeyToPath { string key = 1; string path = 2; optional int32 mode = 3; }
message HostPathVolumeSource { string path = 1; optional string type = 2; }
message EmptyDirVolumeSource { string medium = 1; optional Quantity sizeLimit = 2; }
message SecretVolumeSource { string secretName = 1; repeated KeyToPath items = 2; optional int32 defaultMode = 3; optional bool optional = 4; }
message ConfigMapVolumeSource {
  LocalObjectReference localObjectReference = 1 [(inline) = true]; repeated KeyToPath items = 2; optional int32 defaultMode = 3; optional bool optional = 4;
}
message PersistentVolumeClaimVolumeSource { string claimName = 1; bool readOnly = 2; }
message SourceProjection { LocalObjectReference localObjectReference = 1 [(inline) = true]; repeated KeyToPath items = 2; optional bool optional = 4; }
message DownwardAPIVolumeFile { string path = 1; optional ObjectFieldSelector fieldRef = 2; optional int32 mode = 4; }
message DownwardAPIProjection { repeated DownwardAPIVolumeFile items = 1; }
message ServiceAccountTokenProjection { string audience = 1; optional int64 expirationSeconds = 2; string path = 3; }
message VolumeProjection {
  optional SourceProjection secret = 1; optional DownwardAPIProjection downwardAPI = 2; optional SourceProjection configMap = 3;
  optional ServiceAccountTokenProjection serviceAccountToken = 4;
}
message ProjectedVolumeSource { repeated VolumeProjection sources = 1; optional int32 defaultMode = 2; }
message VolumeSource {
  optional HostPathVolumeSource hostPath = 1; optional EmptyDirVolumeSource emptyDir = 2; optional SecretVolumeSource secret = 6;
  optional PersistentVolumeClaimVolumeSource persistentVolumeClaim = 10; optional ConfigMapVolumeSource configMap = 19;
  optional ProjectedVolumeSource projected = 26;
}
message Volume { string name = 1; VolumeSource volumeSource = 2 [(inline) = true]; }

message Toleration { string key = 1; string operator = 2; string value = 3; string effect = 4; optional int64 tolerationSeconds = 5; }
message PodReadinessGate { string conditionType = 1; }
message TopologySpreadConstraint {
  int32 maxSkew = 1; string topologyKey = 2; string whenUnsatisfiable = 3; optional LabelSelector labelSelector = 4; optional int32 minDomains = 5;
}
message PodSpec {
  repeated Volume volumes = 1; repeated Container containers = 2; string restartPolicy = 3; optional int64 terminationGracePeriodSeconds = 4;
  optional int64 activeDeadlineSeconds = 5; string dnsPolicy = 6; map<string, string> nodeSelector = 7; string serviceAccountName = 8;
  string serviceAccount = 9; string nodeName = 10; bool hostNetwork = 11; bool hostPID = 12; bool hostIPC = 13;
  optional PodSecurityContext securityContext = 14; repeated LocalObjectReference imagePullSecrets = 15; string hostname = 16; string subdomain = 17;
  string schedulerName = 19; repeated Container initContainers = 20; optional bool automountServiceAccountToken = 21;
  repeated Toleration tolerations = 22; string priorityClassName = 24; optional int32 priority = 25; optional bool shareProcessNamespace = 27;
  repeated PodReadinessGate readinessGates = 28; optional string runtimeClassName = 29; optional bool enableServiceLinks = 30;
  optional string preemptionPolicy = 31; repeated TopologySpreadConstraint topologySpreadConstraints = 33;
}

message PodCondition {
  string type = 1; string status = 2; Time lastProbeTime = 3; Time lastTransitionTime = 4; string reason = 5; string message = 6;
  int64 observedGeneration = 7;
}
message ContainerStateWaiting { string reason = 1; string message = 2; }
message ContainerStateRunning { Time startedAt = 1; }
message ContainerStateTerminated {
  int32 exitCode = 1; int32 signal = 2; string reason = 3; string message = 4; Time startedAt = 5; Time finishedAt = 6; string containerID = 7;
}
message ContainerState {
  optional ContainerStateWaiting waiting = 1; optional ContainerStateRunning running = 2; optional ContainerStateTerminated terminated = 3;
}
message ContainerStatus {
  string name = 1; ContainerState state = 2; ContainerState lastState = 3; bool ready = 4; int32 restartCount = 5; string image = 6; string imageID = 7;
  string containerID = 8; optional bool started = 9;
}
message PodIP { string ip = 1; }
message PodStatus {
  string phase = 1; repeated PodCondition conditions = 2; string message = 3; string reason = 4; string hostIP = 5; string podIP = 6;
  optional Time startTime = 7; repeated ContainerStatus containerStatuses = 8; string qosClass = 9; repeated ContainerStatus initContainerStatuses = 10;
  string nominatedNodeName = 11; repeated PodIP podIPs = 12; repeated ContainerStatus ephemeralContainerStatuses = 13; string resize = 14;
  repeated PodIP hostIPs = 16; int64 observedGeneration = 17;
}
message Pod { ObjectMeta metadata = 1; PodSpec spec = 2; PodStatus status = 3; }
message PodTemplateSpec { ObjectMeta metadata = 1; PodSpec spec = 2; }
`;
