"""Compression: a smaller form of what was made, measured against it."""
