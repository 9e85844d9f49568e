"""The proof: full-catalogue ranking with intervals, slices, and cost beside quality."""
