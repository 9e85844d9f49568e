"""The live side: answers over HTTP in milliseconds, remembers every event, swaps models without a pause; no torch."""
