"""Why an item was recommended, and words for people that say nothing their record does not hold."""
