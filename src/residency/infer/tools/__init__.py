"""Typed tools: clinical calculators, conversion of units, codes, the graph, the literature and one patient's chart."""
