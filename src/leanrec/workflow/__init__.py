"""The story, one function a stage: read, fit, prove, recommend, explain."""
