"""What people did and what items are: the nouns that enter the house here."""
