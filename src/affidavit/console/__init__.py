"""The console: pages for people, rendered on the server; what they do are the operations."""
