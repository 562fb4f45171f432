"""Proxies in front of the service and a shop's own back end, as the documents show them."""
