package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ask makes a request out of the bytes of a fuzzer, sends it to the gateway, and judges the answer.
func (s *subject) ask(t *testing.T, data []byte) {
	t.Helper()
	g, method := s.generator(data)
	request, size, text := s.overHTTP(g, method)
	if request == nil {
		return
	}
	large := size > 16<<10 // a sender of much may be refused before its end, and find the connection gone before it has read why
	ctx, cancel := context.WithTimeout(t.Context(), callPatience)
	defer cancel()
	response, err := s.client.Do(request.WithContext(ctx))
	if err != nil {
		if !large && !strings.Contains(err.Error(), "net/http: invalid") {
			t.Errorf("%v for %.9000s", err, text)
		}
		return
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil && large {
		return
	}
	if err != nil {
		t.Errorf("%v in the answer to %.9000s", err, text)
	}
	s.judgeAnswer(t, method, response, answer, text)
	s.mustBeCalm(t, text)
}

// judgeAnswer checks what the gateway answered with: JSON, which says what is wrong with the request, and not with the system.
func (s *subject) judgeAnswer(t *testing.T, method protoreflect.MethodDescriptor, response *http.Response, answer []byte, text string) {
	t.Helper()
	request := response.Request
	kind := response.Header.Get("Content-Type")
	switch {
	case request.Method == http.MethodHead:
		return
	case response.Header.Get("X-Content-Type-Options") == "" && slices.Contains([]int{400, 417, 431}, response.StatusCode):
		return // net/http has not let it in: the gateway's own answers have that header
	case response.StatusCode != http.StatusOK:
		s.judgeStatus(t, answer, response.StatusCode, request, text)
	case kind == "application/x-ndjson":
		for line := range bytes.Lines(answer) {
			var part struct{ Result, Error json.RawMessage }
			if err := json.Unmarshal(line, &part); err != nil || (part.Result == nil) == (part.Error == nil) {
				t.Errorf("a line is %q (%v) for %.9000s", line, err, text)
			} else if part.Error != nil {
				s.judgeStatus(t, part.Error, http.StatusOK, request, text)
			}
		}
	case kind != "application/json" && len(answer) > 0, len(answer) > 0 && !json.Valid(answer):
		t.Errorf("200 with %s %.1000q for %.9000s", kind, answer, text)
	}
	if response.StatusCode == http.StatusOK {
		s.answers[string(method.Name())+" OK"]++
		var given struct{ Name, Etag, NextPageToken string }
		if json.Unmarshal(answer, &given) == nil {
			s.known.learn(given.Name, given.Etag, given.NextPageToken)
		}
	}
}

func (s *subject) judgeStatus(t *testing.T, answer []byte, httpStatus int, request *http.Request, text string) {
	t.Helper()
	var p statuspb.Status
	if err := protojson.Unmarshal(answer, &p); err != nil {
		t.Errorf("HTTP status %d with %.1000q, which is no google.rpc.Status (%v), for %.9000s", httpStatus, answer, err, text)
		return
	}
	if codes.Code(p.GetCode()) == codes.DeadlineExceeded && request.Header.Get("Grpc-Timeout") != "" {
		return // it wanted no more
	}
	if httpStatus >= http.StatusInternalServerError || p.GetCode() == 0 {
		t.Errorf("HTTP status %d with %.1000s for %.9000s", httpStatus, answer, text)
	}
	s.judge(t, status.FromProto(&p), text)
}

// headers are what a client may say beside its request, of which most is nothing to us.
var headers = [][2]string{
	{"Grpc-Timeout", "1n"},
	{"Grpc-Timeout", "99999999H"},
	{"Grpc-Timeout", "x"},
	{"Grpc-Timeout", "-1S"},
	{"Grpc-Timeout", "0S"},
	{"Grpc-Metadata-Authorization", "Bearer x.y.z"},
	{"Authorization", "Bearer x"},
	{"Authorization", "Basic eDp5"},
	{"Authorization", ""},
	{"Authorization", "Bearer \xff"},
	{"X-Http-Method-Override", "DELETE"},
	{"X-Http-Method-Override", "\xff"},
	{"Content-Encoding", "gzip"},
	{"Content-Type", "application/x-www-form-urlencoded"},
	{"Content-Type", "multipart/form-data; boundary=x"},
	{"Content-Type", "application/grpc"},
	{"Content-Type", ";;;"},
	{"Accept", "text/html;q=x"},
	{"Accept-Encoding", "br"},
	{"Grpc-Metadata-X-Bin", "%%%"},
	{"Grpc-Metadata-X-Bin", "AA=="},
	{"Te", "trailers"},
	{"Expect", "100-continue"},
	{"Expect", "more"},
	{"X-Forwarded-For", "::1, unknown"},
	{"X-Forwarded-Host", "\xff"},
	{"Grpc-Metadata-Grpc-Timeout", "1n"},
	{"Connection", "Upgrade, HTTP2-Settings"},
	{"Upgrade", "h2c"},
	{"Range", "bytes=5-1"},
	{"If-None-Match", "*"},
	{"Cookie", "a=\x01"},
	{"Grpc-Encoding", "gzip"},
	{"Origin", "null"},
}

// overHTTP makes the request of a call as its annotation says, and at times otherwise.
func (s *subject) overHTTP(g generator, method protoreflect.MethodDescriptor) (request *http.Request, size int, text string) {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	verb, path := http.MethodGet, rule.GetGet()
	for v, p := range map[string]string{http.MethodPost: rule.GetPost(), http.MethodPatch: rule.GetPatch(), http.MethodDelete: rule.GetDelete()} {
		if p != "" {
			verb, path = v, p
		}
	}
	message := g.document(g.request(method))
	path = variable.ReplaceAllStringFunc(path, func(found string) string {
		value, _ := message.take(strings.Split(variable.FindStringSubmatch(found)[1], ".")).(string)
		return g.escaped(value)
	})
	var body []byte
	switch rule.GetBody() {
	case "*":
		body = g.garbled(message)
		message = document{}
	case "":
	default:
		field := jsonName(rule.GetBody())
		body = g.garbled(message[field])
		delete(message, field)
	}
	if method.IsStreamingClient() {
		for range g.roll(3) {
			body = append(append(body, '\n'), g.garbled(g.document(g.request(method)))...)
		}
	}
	if g.odd(20) {
		verb = pick(g.dice, []string{"PUT", "GET", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "get"})
	}
	target := path + g.query(message)
	if len(body) > most || strings.ContainsFunc(target, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, 0, "" // the client does not send that
	}
	request = &http.Request{Method: verb, URL: &url.URL{Scheme: "http", Host: s.host, Opaque: target}, Header: http.Header{}, Host: s.host}
	if len(body) > 0 || verb == http.MethodPost {
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	for g.odd(5) {
		header := pick(g.dice, headers)
		request.Header.Add(header[0], header[1])
	}
	if request.Body != nil && g.odd(12) {
		request.ContentLength = -1
		request.TransferEncoding = pick(g.dice, [][]string{{"chunked"}, {"gzip", "chunked"}, {"identity"}})
		request.Close = true // nothing tells the server where the last of these ends: it may take the body for a next request, and answer that, too
	}
	return request, len(body) + len(target), fmt.Sprintf("%s %.3000s %v\n%.5000q", verb, target, request.Header, body)
}

// escaped is a value in a path, as it should be or not.
func (g generator) escaped(value string) string {
	parts := strings.Split(value, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	escaped := strings.Join(parts, "/")
	escaped = strings.ReplaceAll(escaped, url.PathEscape(unsound), "%ff%c0%af")
	if g.odd(8) {
		return pick(g.dice, []string{url.PathEscape(escaped), url.QueryEscape(value), strings.ReplaceAll(value, " ", "%20"), strings.ToUpper(escaped), escaped + "/", "/" + escaped})
	}
	return escaped
}

// query is what of a request is left for its query, and at times more.
func (g generator) query(message document) string {
	var pairs []string
	var add func(prefix string, value any)
	add = func(prefix string, value any) {
		switch v := value.(type) {
		case document:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				add(strings.TrimPrefix(prefix+"."+name, "."), v[name])
			}
		case []any:
			for _, element := range v {
				add(prefix, element)
			}
		default:
			pairs = append(pairs, prefix+"="+strings.ReplaceAll(url.QueryEscape(fmt.Sprint(v)), url.QueryEscape(unsound), "%ff%c0%af"))
		}
	}
	add("", message)
	for g.odd(10) {
		pairs = append(pairs, pick(g.dice, []string{
			"x=1", "%zz", "=", "&", ";", "pageSize=1e3", "page_size=1", "pageSize=1&pageSize=2", "name=x", "parent=x", "a.b.c.d=1", "filter", "filter=%00", "pageSize=%ff",
			"update_mask=*", "updateMask.paths=name", "plan.name=x", "program[id]=1", "validateOnly=maybe", "etag=%ff", "payDate.year=2026", "plan=", "alt=json", "$.xgafv=2",
		}))
	}
	if len(pairs) == 0 {
		return ""
	}
	return "?" + strings.Join(pairs, "&")
}

// take removes what a path leads to, where the path has one part, and returns it.
func (d document) take(path []string) any {
	if len(path) == 1 {
		value := d[path[0]]
		delete(d, path[0])
		return value
	}
	inner, _ := d[path[0]].(document)
	if inner == nil {
		return nil
	}
	return inner[path[1]]
}

// document is a message as JSON, also where it holds what has no form there.
func (g generator) document(m protoreflect.Message) document {
	d := document{}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) {
			continue
		}
		name := field.JSONName()
		if g.odd(20) {
			name = string(field.Name())
		}
		if field.IsList() {
			elements := []any{}
			for j := range m.Get(field).List().Len() {
				elements = append(elements, g.json(field, m.Get(field).List().Get(j)))
			}
			d[name] = elements
		} else if !field.IsMap() {
			d[name] = g.json(field, m.Get(field))
		}
	}
	return d
}

var wrongValues = []any{nil, "", 0, -1, 1.5, 1e300, true, []any{}, document{}, []any{nil}, document{"x": nil}, "\u0000", json.Number("1e5"), json.Number("9223372036854775808")}

func (g generator) json(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	if g.odd(30) {
		return pick(g.dice, wrongValues)
	}
	switch field.Kind() { //nolint:exhaustive // the others are in JSON what they are here
	case protoreflect.MessageKind:
		m := value.Message()
		get := func(i protoreflect.FieldNumber) protoreflect.Value { return m.Get(m.Descriptor().Fields().ByNumber(i)) }
		switch m.Descriptor().FullName() {
		case "google.protobuf.Timestamp":
			if g.odd(10) {
				return pick(g.dice, []string{"", "2026-05-01", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-05-01T06:30:60Z", "2026-05-01T24:00:00Z", "2026-05-01t00:00:00z", "2026-05-01T00:00:00.1234567890Z"})
			}
			return time.Unix(get(1).Int(), get(2).Int()).UTC().Format(time.RFC3339Nano)
		case "google.protobuf.FieldMask":
			var paths []string
			for i := range get(1).List().Len() {
				paths = append(paths, get(1).List().Get(i).String())
			}
			return strings.Join(paths, ",")
		}
		return g.document(m)
	case protoreflect.Int64Kind:
		return strconv.FormatInt(value.Int(), 10)
	case protoreflect.EnumKind:
		if name := field.Enum().Values().ByNumber(value.Enum()); name != nil && !g.odd(4) {
			return string(name.Name())
		}
		return int(value.Enum())
	case protoreflect.BytesKind:
		return value.Bytes()
	}
	return value.Interface()
}

// garbled is a value as JSON, and at times less than that.
func (g generator) garbled(value any) []byte {
	if value == nil {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		panic(errors.Join(errNoRequest, err))
	}
	data = spoil(data)
	if !g.odd(8) {
		return data
	}
	at := g.roll(len(data) + 1)
	switch g.roll(8) {
	case 0:
		return data[:at]
	case 1:
		return append(data[:at:at], append([]byte(g.text()), data[at:]...)...)
	case 2: // every field twice
		return append(append(data[:len(data)-1:len(data)-1], ','), data[1:]...)
	case 3:
		depth := pick(g.dice, []int{100, 9_999, 10_001, 200_000})
		return []byte(strings.Repeat(`{"plan":`, depth) + string(data) + strings.Repeat("}", depth))
	case 4:
		return bytes.Repeat([]byte("["), 100_000)
	case 5:
		return []byte("\ufeff" + string(data))
	case 6:
		return append(data, data...)
	}
	return []byte(strings.ReplaceAll(string(data), ":", ":\u00a0"))
}
