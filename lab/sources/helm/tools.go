//go:build tools

// Package helm pins what the lab builds; its import keeps `go mod tidy` from dropping it.
package helm

import _ "helm.sh/helm/v4/cmd/helm"
