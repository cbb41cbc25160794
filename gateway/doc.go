// Package gateway is the JSON side of both services: it translates HTTP calls
// into gRPC ones by the annotations in the protos, and knows no rule of its own.
//
// What always holds:
//
//   - Nothing in a request is ignored in silence. A field, a query parameter or
//     a body that the call does not know is refused by its name, and so is a value
//     that its field cannot hold, or a name that is not the path's; all of them at
//     once.
//     In a batch of earnings a value that a field cannot hold is the outcome of its
//     earning alone, as it is over gRPC (rule E3).
//   - Every error is a google.rpc.Status with an ErrorInfo: {"code", "message",
//     "details"}. The HTTP status follows from the code, as grpc-gateway maps it,
//     but for MESSAGE_TOO_LARGE (413, since 429 would invite a retry),
//     METHOD_NOT_ALLOWED (405), ENCODING_UNSUPPORTED and CONTENT_TYPE_UNSUPPORTED (415).
//   - A field that is not set is shown with its default ("", 0, false, []), so
//     that an answer has the same fields every time; only messages that are
//     absent, such as a time that has not come, are left out.
//   - A stream is one JSON object a line, each way: {"result": …}, and last, where
//     it fails after it began, {"error": …}. What was answered before stands. When
//     the gateway stops, what it has sent on is still answered.
//   - An id that holds "%", ":", "?", "#" or "+" travels percent-encoded. No id
//     holds "/", and "%2F" is refused: it never reaches another resource.
package gateway
