// Package openapi holds the OpenAPI document that `make generate` writes from
// the protos.
package openapi

import _ "embed"

// Document describes every JSON call, as OpenAPI 2.
//
//go:embed openapi.json
var Document []byte
