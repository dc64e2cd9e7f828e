"""The overlay: answers of AWS from the estate, in front of moto."""
