"""The article's stages, in the order of the ladder."""
