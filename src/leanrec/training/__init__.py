"""How recommenders are fitted: what a fit may use, and the training loop."""
