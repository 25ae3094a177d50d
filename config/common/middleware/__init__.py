"""The middleware stack, outermost first: context, headers, size, operator allow-list, access log."""
