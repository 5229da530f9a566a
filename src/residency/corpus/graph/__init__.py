"""Knowledge graphs on disk: ontologies, RDF and tables of triples become one RDF store with the origin of each triple.

``build`` makes one, ``facts`` and ``rdf`` read what a file says, ``terms`` gives ids their addresses, ``names`` finds
nodes by name.
"""
