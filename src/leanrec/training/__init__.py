"""How recommenders are fitted: what a fit may use, and (later) the training loop."""
