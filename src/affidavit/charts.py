"""Charts: numbers to SVG, for console and report."""
