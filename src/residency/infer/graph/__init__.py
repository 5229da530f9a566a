"""Asking a knowledge graph: link names to nodes, find facts and paths, check a claim, run SPARQL.

``open_graph`` opens one that ``residency graph load`` made; without a path it is HPO with its disease annotations.
"""

from residency.infer.graph.knowledge import KnowledgeGraph, open_graph

__all__ = ["KnowledgeGraph", "open_graph"]
