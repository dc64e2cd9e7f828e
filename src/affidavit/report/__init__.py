"""Assessment reports: content, PDF, package, and the stand-alone verifier."""
