"""Sources: each reads one kind of files into events, catalogue and relations."""
