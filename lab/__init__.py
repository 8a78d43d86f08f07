"""The offline lab: a real kind cluster and a real Istio, built from package registries alone."""
