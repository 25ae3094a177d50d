"""The middleware stack, outermost first: context, headers, access log, CORS, size, clean input, operator allow-list;
innermost, bare refusals."""
