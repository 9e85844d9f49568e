"""Recommenders: one protocol, many methods, found by name through the registry."""
