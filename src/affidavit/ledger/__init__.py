"""RFC 6962 Merkle log, C2SP checkpoints, signing keys."""
