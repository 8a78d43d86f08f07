"""The tests of the article's stages."""
