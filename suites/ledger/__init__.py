"""What a version does, held against what it was observed to do before."""
