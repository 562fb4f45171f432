"""Everything that is zipped to Lambda: rooms from `core` (decides) up to `routes` (doors)."""
