"""Formulas and the coefficients that were measured for them: a file of each with the same name."""
