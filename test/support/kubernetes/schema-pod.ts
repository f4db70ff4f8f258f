// The message of a pod as the API server sends it: all of what real pods hold (environment, probes, volumes, security contexts, statuses), so that
// bodies have their real sizes. Conventions as in schema-meta.ts.

export const podSchema = `
message LocalObjectReference { required string name = 1; }
message ObjectReference {
  required string kind = 1; required string namespace = 2; required string name = 3; required string uid = 4; required string apiVersion = 5; required string resourceVersion = 6; required string fieldPath = 7;
}

message ObjectFieldSelector { required string apiVersion = 1; required string fieldPath = 2; }
message ResourceFieldSelector { required string containerName = 1; required string resource = 2; required Quantity divisor = 3; }
message KeySelector { required LocalObjectReference localObjectReference = 1 [(inline) = true]; required string key = 2; optional bool optional = 3; }
message EnvVarSource {
  optional ObjectFieldSelector fieldRef = 1; optional ResourceFieldSelector resourceFieldRef = 2; optional KeySelector configMapKeyRef = 3;
  optional KeySelector secretKeyRef = 4;
}
message EnvVar { required string name = 1; required string value = 2; optional EnvVarSource valueFrom = 3; }
message EnvSourceReference { required LocalObjectReference localObjectReference = 1 [(inline) = true]; optional bool optional = 2; }
message EnvFromSource { required string prefix = 1; optional EnvSourceReference configMapRef = 2; optional EnvSourceReference secretRef = 3; }

message ContainerPort { required string name = 1; required int32 hostPort = 2; required int32 containerPort = 3; required string protocol = 4; required string hostIP = 5; }
message ResourceRequirements { map<string, Quantity> limits = 1; map<string, Quantity> requests = 2; }
message VolumeMount {
  required string name = 1; required bool readOnly = 2; required string mountPath = 3; required string subPath = 4; optional string mountPropagation = 5; required string subPathExpr = 6;
  optional string recursiveReadOnly = 7;
}

message ExecAction { repeated string command = 1; }
message HTTPHeader { required string name = 1; required string value = 2; }
message HTTPGetAction { required string path = 1; required IntOrString port = 2; required string host = 3; required string scheme = 4; repeated HTTPHeader httpHeaders = 5; }
message TCPSocketAction { required IntOrString port = 1; required string host = 2; }
message GRPCAction { required int32 port = 1; optional string service = 2; }
message ProbeHandler {
  optional ExecAction exec = 1; optional HTTPGetAction httpGet = 2; optional TCPSocketAction tcpSocket = 3; optional GRPCAction grpc = 4;
}
message Probe {
  required ProbeHandler handler = 1 [(inline) = true]; required int32 initialDelaySeconds = 2; required int32 timeoutSeconds = 3; required int32 periodSeconds = 4; required int32 successThreshold = 5;
  required int32 failureThreshold = 6; optional int64 terminationGracePeriodSeconds = 7;
}
message LifecycleHandler { optional ExecAction exec = 1; optional HTTPGetAction httpGet = 2; optional TCPSocketAction tcpSocket = 3; }
message Lifecycle { optional LifecycleHandler postStart = 1; optional LifecycleHandler preStop = 2; }

message Capabilities { repeated string add = 1; repeated string drop = 2; }
message SeccompProfile { required string type = 1; optional string localhostProfile = 2; }
message SecurityContext {
  optional Capabilities capabilities = 1; optional bool privileged = 2; optional int64 runAsUser = 4; optional bool runAsNonRoot = 5;
  optional bool readOnlyRootFilesystem = 6; optional bool allowPrivilegeEscalation = 7; optional int64 runAsGroup = 8; optional string procMount = 9;
  optional SeccompProfile seccompProfile = 11;
}
message PodSecurityContext {
  optional int64 runAsUser = 2; optional bool runAsNonRoot = 3; repeated int64 supplementalGroups = 4; optional int64 fsGroup = 5;
  optional int64 runAsGroup = 6; optional string fsGroupChangePolicy = 9; optional SeccompProfile seccompProfile = 10;
}

message Container {
  required string name = 1; required string image = 2; repeated string command = 3; repeated string args = 4; required string workingDir = 5; repeated ContainerPort ports = 6;
  repeated EnvVar env = 7; required ResourceRequirements resources = 8; repeated VolumeMount volumeMounts = 9; optional Probe livenessProbe = 10;
  optional Probe readinessProbe = 11; optional Lifecycle lifecycle = 12; required string terminationMessagePath = 13; required string imagePullPolicy = 14;
  optional SecurityContext securityContext = 15; required bool stdin = 16; required bool stdinOnce = 17; required bool tty = 18; repeated EnvFromSource envFrom = 19;
  required string terminationMessagePolicy = 20; optional Probe startupProbe = 22; optional string restartPolicy = 24;
}

message KeyToPath { required string key = 1; required string path = 2; optional int32 mode = 3; }
message HostPathVolumeSource { required string path = 1; optional string type = 2; }
message EmptyDirVolumeSource { required string medium = 1; optional Quantity sizeLimit = 2; }
message SecretVolumeSource { required string secretName = 1; repeated KeyToPath items = 2; optional int32 defaultMode = 3; optional bool optional = 4; }
message ConfigMapVolumeSource {
  required LocalObjectReference localObjectReference = 1 [(inline) = true]; repeated KeyToPath items = 2; optional int32 defaultMode = 3; optional bool optional = 4;
}
message PersistentVolumeClaimVolumeSource { required string claimName = 1; required bool readOnly = 2; }
message SourceProjection { required LocalObjectReference localObjectReference = 1 [(inline) = true]; repeated KeyToPath items = 2; optional bool optional = 4; }
message DownwardAPIVolumeFile { required string path = 1; optional ObjectFieldSelector fieldRef = 2; optional int32 mode = 4; }
message DownwardAPIProjection { repeated DownwardAPIVolumeFile items = 1; }
message ServiceAccountTokenProjection { required string audience = 1; optional int64 expirationSeconds = 2; required string path = 3; }
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
message Volume { required string name = 1; required VolumeSource volumeSource = 2 [(inline) = true]; }

message Toleration { required string key = 1; required string operator = 2; required string value = 3; required string effect = 4; optional int64 tolerationSeconds = 5; }
message PodReadinessGate { required string conditionType = 1; }
message TopologySpreadConstraint {
  required int32 maxSkew = 1; required string topologyKey = 2; required string whenUnsatisfiable = 3; optional LabelSelector labelSelector = 4; optional int32 minDomains = 5;
}
message PodSpec {
  repeated Volume volumes = 1; repeated Container containers = 2; required string restartPolicy = 3; optional int64 terminationGracePeriodSeconds = 4;
  optional int64 activeDeadlineSeconds = 5; required string dnsPolicy = 6; map<string, string> nodeSelector = 7; required string serviceAccountName = 8;
  required string serviceAccount = 9; required string nodeName = 10; required bool hostNetwork = 11; required bool hostPID = 12; required bool hostIPC = 13;
  optional PodSecurityContext securityContext = 14; repeated LocalObjectReference imagePullSecrets = 15; required string hostname = 16; required string subdomain = 17;
  required string schedulerName = 19; repeated Container initContainers = 20; optional bool automountServiceAccountToken = 21;
  repeated Toleration tolerations = 22; required string priorityClassName = 24; optional int32 priority = 25; optional bool shareProcessNamespace = 27;
  repeated PodReadinessGate readinessGates = 28; optional string runtimeClassName = 29; optional bool enableServiceLinks = 30;
  optional string preemptionPolicy = 31; repeated TopologySpreadConstraint topologySpreadConstraints = 33;
}

message PodCondition {
  required string type = 1; required string status = 2; required Time lastProbeTime = 3; required Time lastTransitionTime = 4; required string reason = 5; required string message = 6;
  required int64 observedGeneration = 7;
}
message ContainerStateWaiting { required string reason = 1; required string message = 2; }
message ContainerStateRunning { required Time startedAt = 1; }
message ContainerStateTerminated {
  required int32 exitCode = 1; required int32 signal = 2; required string reason = 3; required string message = 4; required Time startedAt = 5; required Time finishedAt = 6; required string containerID = 7;
}
message ContainerState {
  optional ContainerStateWaiting waiting = 1; optional ContainerStateRunning running = 2; optional ContainerStateTerminated terminated = 3;
}
message ContainerStatus {
  required string name = 1; required ContainerState state = 2; required ContainerState lastState = 3; required bool ready = 4; required int32 restartCount = 5; required string image = 6; required string imageID = 7;
  required string containerID = 8; optional bool started = 9;
}
message PodIP { required string ip = 1; }
message PodStatus {
  required string phase = 1; repeated PodCondition conditions = 2; required string message = 3; required string reason = 4; required string hostIP = 5; required string podIP = 6;
  optional Time startTime = 7; repeated ContainerStatus containerStatuses = 8; required string qosClass = 9; repeated ContainerStatus initContainerStatuses = 10;
  required string nominatedNodeName = 11; repeated PodIP podIPs = 12; repeated ContainerStatus ephemeralContainerStatuses = 13; required string resize = 14;
  repeated PodIP hostIPs = 16; required int64 observedGeneration = 17;
}
message Pod { required ObjectMeta metadata = 1; required PodSpec spec = 2; required PodStatus status = 3; }
message PodTemplateSpec { required ObjectMeta metadata = 1; required PodSpec spec = 2; }
`;
