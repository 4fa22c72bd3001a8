"""The pipeline of the demo: its source, and what the kfp compiler made of it. Both are data; nothing imports kfp."""
