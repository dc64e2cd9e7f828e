"""What results say beyond passed and failed: accuracy, robustness, parity, errors, drift."""

from affidavit.prompts.metrics.measures import measures
from affidavit.prompts.metrics.summary import in_words, metrics

__all__ = ["in_words", "measures", "metrics"]
