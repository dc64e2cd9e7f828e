"""Prompts: what a model is asked, and whether its answer is as it should be."""
