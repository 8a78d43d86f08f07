"""One test for each promise of an upgrade, once for each strategy."""
