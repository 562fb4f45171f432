"""The published storefront client, driven by its own code against a running service."""
