"""The finder: a small language over the evidence, its engine, exports and the period view."""
