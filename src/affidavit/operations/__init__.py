"""What can be done, as plain functions; api, console and cli only translate."""
