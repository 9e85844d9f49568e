"""Networks: item vectors, causal encoders of a history, their losses, and the graph that serves them; this room owns torch."""
