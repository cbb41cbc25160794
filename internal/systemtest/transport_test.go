package systemtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A transport sends one request of a method, given as JSON, and returns the
// last answer as JSON, or the status that the call failed with.
type transport func(s *server, method protoreflect.MethodDescriptor, request []byte) (document, *status.Status)

func overGRPC(s *server, method protoreflect.MethodDescriptor, request []byte) (document, *status.Status) {
	s.Helper()
	in, out := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
	if err := protojson.Unmarshal(request, in); err != nil {
		s.Fatalf("%s: %v in %s", method.FullName(), err, request)
	}
	conn := s.plans
	if strings.Contains(string(method.FullName()), "payout") {
		conn = s.payouts
	}
	path := fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
	if !method.IsStreamingServer() {
		if err := conn.Invoke(within(s.T), path, in, out); err != nil {
			return nil, status.Convert(err)
		}
		return s.decode(out), status.New(codes.OK, "")
	}
	stream, err := conn.NewStream(within(s.T), &grpc.StreamDesc{ServerStreams: true, ClientStreams: method.IsStreamingClient()}, path)
	if err != nil {
		s.Fatal(err)
	}
	if err := errors.Join(stream.SendMsg(in), stream.CloseSend()); err != nil {
		s.Fatal(err)
	}
	for {
		next := dynamicpb.NewMessage(method.Output())
		if err := stream.RecvMsg(next); errors.Is(err, io.EOF) {
			return s.decode(out), status.New(codes.OK, "")
		} else if err != nil {
			return nil, status.Convert(err)
		}
		out = next
	}
}

func (s *server) decode(m proto.Message) document {
	s.Helper()
	data, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		s.Fatal(err)
	}
	return s.object(data)
}

// overJSON sends the request the way that the method's HTTP annotation says.
func overJSON(s *server, method protoreflect.MethodDescriptor, request []byte) (document, *status.Status) {
	s.Helper()
	verb, target, body := s.transcode(method, s.object(request))
	r, err := http.NewRequestWithContext(within(s.T), verb, s.gateway+target, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			s.Fatal(err)
		}
		return nil, s.status(data)
	}
	if !method.IsStreamingServer() {
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			s.Fatal(err)
		}
		return s.object(data), status.New(codes.OK, "")
	}
	return s.lastLine(answer.Body)
}

// lastLine reads the lines of a stream: {"result": …} or, at its end, {"error": …}.
func (s *server) lastLine(body io.Reader) (document, *status.Status) {
	s.Helper()
	var last document
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		line := s.object(lines.Bytes())
		if failure, ok := line["error"]; ok {
			return nil, s.status(s.encode(failure))
		}
		last, _ = line["result"].(map[string]any)
	}
	return last, status.New(codes.OK, "")
}

var variable = regexp.MustCompile(`\{([a-z_.]+)=[^}]*\}`)

// transcode turns a request into an HTTP verb, a path with its query, and a body.
func (s *server) transcode(method protoreflect.MethodDescriptor, request document) (verb, target string, body []byte) {
	s.Helper()
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok {
		s.Fatalf("%s has no HTTP annotation", method.FullName())
	}
	path := ""
	for v, p := range map[string]string{
		http.MethodGet: rule.GetGet(), http.MethodPost: rule.GetPost(), http.MethodPatch: rule.GetPatch(), http.MethodDelete: rule.GetDelete(),
	} {
		if p != "" {
			verb, path = v, p
		}
	}
	path = variable.ReplaceAllStringFunc(path, func(found string) string {
		name := strings.Split(variable.FindStringSubmatch(found)[1], ".")
		value := request.text(strings.Join(name, "."))
		if len(name) == 1 {
			delete(request, name[0])
		}
		return (&url.URL{Path: value}).EscapedPath()
	})
	switch rule.GetBody() {
	case "*":
		return verb, path, s.encode(request)
	case "":
	default:
		field := jsonName(rule.GetBody())
		if value, ok := request[field]; ok {
			body = s.encode(value)
		}
		delete(request, field)
	}
	query := url.Values{}
	for name, value := range request {
		query.Set(name, fmt.Sprint(value))
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return verb, path, body
}

// jsonName is a field's name in JSON: limit_change is limitChange.
func jsonName(field string) string {
	words := strings.Split(field, "_")
	for i := range words[1:] {
		words[i+1] = strings.ToUpper(words[i+1][:1]) + words[i+1][1:]
	}
	return strings.Join(words, "")
}

// status reads a google.rpc.Status.
func (s *server) status(data []byte) *status.Status {
	s.Helper()
	var p statuspb.Status
	if err := protojson.Unmarshal(data, &p); err != nil {
		s.Fatalf("%v: not a google.rpc.Status: %s", err, data)
	}
	return status.FromProto(&p)
}
