"""The verbs of credentials and of the APIs they open, split by noun."""

from apikeys.services import apis, invalidation, keys, refusals, rotation, service_keys, usage

__all__ = ["apis", "invalidation", "keys", "refusals", "rotation", "service_keys", "usage"]
