"""The service as an attacker would try it."""
