"""What running models said: detectors over text, shared by prompt checks and log scanning."""
