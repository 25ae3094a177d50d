"""Payment providers: the only place that knows their SDKs. What asks a provider is loaded by those who ask, not at the start."""
