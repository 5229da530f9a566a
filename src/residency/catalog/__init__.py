"""The map of small medical language models: systems, data sets, methods, metrics and results, each with its evidence.

Every entry is a YAML file under ``data/``; ``schema.json`` and ``data/axes.yaml`` say what one may hold.
"""
