"""The planner: what a recommender will need, before anything is bought, and how wrong that may be."""
