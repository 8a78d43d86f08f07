//go:build tools

// Package jaeger pins what the lab builds; its import keeps `go mod tidy` from dropping it.
package jaeger

import _ "github.com/jaegertracing/jaeger/cmd/all-in-one"
