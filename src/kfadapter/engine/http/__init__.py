"""The engine over HTTP: one application, one module a resource."""
