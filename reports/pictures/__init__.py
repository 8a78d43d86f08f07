"""Renders pictures of a run from plain data as plain SVG, without network access, own fonts or scripts."""
