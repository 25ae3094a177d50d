"""Payment providers: the only place that knows their SDKs. Imported by what asks a provider, and by nothing at the start."""
