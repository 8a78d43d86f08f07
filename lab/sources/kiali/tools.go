//go:build tools

// Package kiali pins what the lab builds; its import keeps `go mod tidy` from dropping it.
package kiali

import _ "github.com/kiali/kiali"
