package systemtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// A document is a JSON object.
type document map[string]any

// at follows a path of names, and returns nil where it ends early.
func (d document) at(path string) any {
	var value any = map[string]any(d)
	for name := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// text is at for a string.
func (d document) text(path string) string {
	text, _ := d.at(path).(string)
	return text
}

// list is at for the objects of a list.
func (d document) list(path string) []document {
	values, _ := d.at(path).([]any)
	var documents []document
	for _, value := range values {
		if object, ok := value.(map[string]any); ok {
			documents = append(documents, object)
		}
	}
	return documents
}

// call sends a request to the gateway and returns the status and the answer.
func (s *server) call(method, path string, body any) (int, document) {
	s.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			s.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(within(s.T), method, s.gateway+path, reader)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatalf("%s %s: %v\n%s", method, path, err, s.log)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil && len(data) > 0 {
		s.Fatalf("%s %s: %s, which is no JSON object: %s", method, path, answer.Status, data)
	}
	return answer.StatusCode, d
}

// must is call for a request that has to succeed.
func (s *server) must(method, path string, body any) document {
	s.Helper()
	code, answer := s.call(method, path, body)
	if code != http.StatusOK {
		s.Fatalf("%s %s: %d %v", method, path, code, answer)
	}
	return answer
}

// object reads one JSON object.
func (s *server) object(data []byte) document {
	s.Helper()
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		s.Fatalf("%v in %s", err, data)
	}
	return d
}

func (s *server) encode(value any) []byte {
	s.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		s.Fatal(err)
	}
	return data
}
