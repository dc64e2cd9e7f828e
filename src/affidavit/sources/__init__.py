"""Where facts come from: each source yields observations and gaps."""
