"""Running pipelines: from a compiled specification to task processes and their results."""
