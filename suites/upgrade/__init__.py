"""Upgrade tests: one for each promise, once for each strategy."""
