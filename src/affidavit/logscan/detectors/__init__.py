"""Detectors over text: personal data, profanity, refusals."""
