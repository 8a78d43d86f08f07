"""What is asserted: the article's stages, and selftests of the parts that assert them."""
