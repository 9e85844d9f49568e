"""Trackers: journals as other programs show them. They read what a training wrote, and are never inside it."""
