"""Benchmarks: measure the project's figures in interleaved pairs and print medians with their spread."""
