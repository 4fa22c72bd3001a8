"""Pictures of a pipeline's graph: Mermaid, DOT and SVG, drawn here; no program is called."""
