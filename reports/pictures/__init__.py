"""Pictures of a run as plain SVG, from plain data: they need no network, no font of their own, no script."""
