"""The offline lab: a real kind cluster and a real Istio, built only from package registries."""
