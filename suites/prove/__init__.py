"""`istio-conformance prove`: break each assertion of the stages on the lab, and expect it to fail."""
