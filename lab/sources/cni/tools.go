//go:build tools

// Package cni pins what the lab builds; its imports keep `go mod tidy` from dropping them.
package cni

import (
	_ "istio.io/istio/cni/cmd/install-cni"
	_ "istio.io/istio/cni/cmd/istio-cni"
)
