"""What models read: histories, co-occurrence counts and other arrays made from a data set."""
