// Messages of k8s.io/apimachinery as far as the fake API server speaks them, in proto3 text. Field numbers are those of the public generated.proto
// files. Written with two conventions that the encoder (protobuf.ts) follows:
//
//     optional     absent when not set, as a pointer in Go is; everything else is always on the wire, empty or not
//     (inline)     its fields stand directly in the parent's JSON
//
// Names of messages are not on the wire; where two API groups use one name, ours differ.

export const metaSchema = `
message Time { int64 seconds = 1; int32 nanos = 2; }
message MicroTime { int64 seconds = 1; int32 nanos = 2; }
message Quantity { string string = 1; }
message IntOrString { int64 type = 1; int32 intVal = 2; string strVal = 3; }
message FieldsV1 { bytes Raw = 1; }

message OwnerReference {
  string kind = 1; string name = 3; string uid = 4; string apiVersion = 5; optional bool controller = 6; optional bool blockOwnerDeletion = 7;
}
message ManagedFieldsEntry {
  string manager = 1; string operation = 2; string apiVersion = 3; optional Time time = 4; string fieldsType = 6; optional FieldsV1 fieldsV1 = 7;
  string subresource = 8;
}
message ObjectMeta {
  string name = 1; string generateName = 2; string namespace = 3; string selfLink = 4; string uid = 5; string resourceVersion = 6; int64 generation = 7;
  Time creationTimestamp = 8; optional Time deletionTimestamp = 9; optional int64 deletionGracePeriodSeconds = 10; map<string, string> labels = 11;
  map<string, string> annotations = 12; repeated OwnerReference ownerReferences = 13; repeated string finalizers = 14;
  repeated ManagedFieldsEntry managedFields = 17;
}
message ListMeta { string selfLink = 1; string resourceVersion = 2; string continue = 3; optional int64 remainingItemCount = 4; }
message PartialObjectMetadata { ObjectMeta metadata = 1; }

message LabelSelectorRequirement { string key = 1; string operator = 2; repeated string values = 3; }
message LabelSelector { map<string, string> matchLabels = 1; repeated LabelSelectorRequirement matchExpressions = 2; }
message Condition {
  string type = 1; string status = 2; int64 observedGeneration = 3; Time lastTransitionTime = 4; string reason = 5; string message = 6;
}

message StatusCause { string reason = 1; string message = 2; string field = 3; }
message StatusDetails {
  string name = 1; string group = 2; string kind = 3; repeated StatusCause causes = 4; int32 retryAfterSeconds = 5; string uid = 6;
}
message Status {
  ListMeta metadata = 1; string status = 2; string message = 3; string reason = 4; optional StatusDetails details = 5; int32 code = 6;
}

message TypeMeta { string apiVersion = 1; string kind = 2; }
message Unknown { TypeMeta typeMeta = 1; bytes raw = 2; string contentEncoding = 3; string contentType = 4; }
message RawExtension { bytes raw = 1; }
message WatchEvent { string type = 1; RawExtension object = 2; }
`;
