"""Contract suites: the promises that every plug-in keeps, as functions a test calls."""
