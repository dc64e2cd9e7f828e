"""The simulated estate: an emulated AWS on loopback. Everything made from it is marked synthetic."""
