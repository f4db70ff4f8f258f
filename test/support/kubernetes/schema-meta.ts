// Messages of k8s.io/apimachinery as far as the fake API server speaks them, in proto2 text. Field numbers are those of the public generated.proto
// files. Written with two conventions that the encoder (protobuf.ts) follows:
//
//     optional     a pointer in Go: absent when not set
//     required     no pointer in Go: always on the wire, empty or not; in JSON it may be absent
//     (inline)     its fields stand directly in the parent's JSON
//
// Names of messages are not on the wire; where two API groups use one name, ours differ.

export const metaSchema = `
message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
message MicroTime { optional int64 seconds = 1; optional int32 nanos = 2; }
message Quantity { required string string = 1; }
message IntOrString { required int64 type = 1; required int32 intVal = 2; required string strVal = 3; }
message FieldsV1 { required bytes Raw = 1; }

message OwnerReference {
  required string kind = 1; required string name = 3; required string uid = 4; required string apiVersion = 5; optional bool controller = 6; optional bool blockOwnerDeletion = 7;
}
message ManagedFieldsEntry {
  required string manager = 1; required string operation = 2; required string apiVersion = 3; optional Time time = 4; required string fieldsType = 6; optional FieldsV1 fieldsV1 = 7;
  required string subresource = 8;
}
message ObjectMeta {
  required string name = 1; required string generateName = 2; required string namespace = 3; required string selfLink = 4; required string uid = 5; required string resourceVersion = 6; required int64 generation = 7;
  required Time creationTimestamp = 8; optional Time deletionTimestamp = 9; optional int64 deletionGracePeriodSeconds = 10; map<string, string> labels = 11;
  map<string, string> annotations = 12; repeated OwnerReference ownerReferences = 13; repeated string finalizers = 14;
  repeated ManagedFieldsEntry managedFields = 17;
}
message ListMeta { required string selfLink = 1; required string resourceVersion = 2; required string continue = 3; optional int64 remainingItemCount = 4; }
message PartialObjectMetadata { required ObjectMeta metadata = 1; }

message LabelSelectorRequirement { required string key = 1; required string operator = 2; repeated string values = 3; }
message LabelSelector { map<string, string> matchLabels = 1; repeated LabelSelectorRequirement matchExpressions = 2; }
message Condition {
  required string type = 1; required string status = 2; required int64 observedGeneration = 3; required Time lastTransitionTime = 4; required string reason = 5; required string message = 6;
}

message StatusCause { required string reason = 1; required string message = 2; required string field = 3; }
message StatusDetails {
  required string name = 1; required string group = 2; required string kind = 3; repeated StatusCause causes = 4; required int32 retryAfterSeconds = 5; required string uid = 6;
}
message Status {
  required ListMeta metadata = 1; required string status = 2; required string message = 3; required string reason = 4; optional StatusDetails details = 5; required int32 code = 6;
}

message TypeMeta { required string apiVersion = 1; required string kind = 2; }
message Unknown { required TypeMeta typeMeta = 1; required bytes raw = 2; required string contentEncoding = 3; required string contentType = 4; }
message RawExtension { required bytes raw = 1; }
message RawList { required ListMeta metadata = 1; repeated bytes items = 2; }
message WatchEvent { required string type = 1; required RawExtension object = 2; }
`;
