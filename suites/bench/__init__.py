"""The project's figures: measured in interleaved pairs, printed as medians with their spread."""
