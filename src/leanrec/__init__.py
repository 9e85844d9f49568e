"""leanrec: large-model recommenders on a stated hardware budget, with the evidence."""
