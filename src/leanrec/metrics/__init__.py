"""Metrics: pure functions over arrays, shared by early stopping and evaluation."""
