"""Why an item was recommended, computed from the model that recommended it."""
