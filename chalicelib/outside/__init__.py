"""The rest of the world: what is asked of other services. No rule of the business may enter."""
