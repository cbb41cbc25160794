// Thirdparty prints the .proto files that ours import, so that buf finds them without a schema registry.
//
// They are printed from the descriptors linked into the Go modules of go.mod, which alone pins their versions.
// Printed protos carry no comments: descriptors in Go programs have none.
//
//	go run ./proto/thirdparty FOLDER
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2/options"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	_ "google.golang.org/genproto/googleapis/rpc/status"
	_ "google.golang.org/genproto/googleapis/type/date"
	_ "google.golang.org/genproto/googleapis/type/money"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./proto/thirdparty FOLDER")
		os.Exit(2)
	}
	if err := printLinked(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "thirdparty:", err)
		os.Exit(1)
	}
}

// printLinked replaces folder by every proto file linked into this program, less those that buf brings itself.
func printLinked(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "google/protobuf/") {
			files = append(files, file)
		}
		return true
	})
	var printer protoprint.Printer
	return printer.PrintProtosToFileSystem(files, folder)
}
