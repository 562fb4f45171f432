"""The rest of the world, as far as it can be had on loopback."""
