"""A Bedrock-shaped endpoint on loopback: scripted models, true streams, invocation logs."""
