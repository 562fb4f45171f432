"""Doors, called in this process as API Gateway calls them, on moto."""
