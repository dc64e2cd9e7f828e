"""The pages: one module a noun, each with its table of views."""
