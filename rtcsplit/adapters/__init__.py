"""Calls for the voice frameworks that others have made; each needs an extra of its own."""
