"""Training rows made out of documents, ontologies and judged answers: by templates, or by a model that is handed in.

A maker yields, for everything it was asked for, a row (a ``Document``) or a ``Refused`` with the reason, never both and
never neither. A row stands on the documents that ``meta["from"]`` names and keeps their patient, date and licence.
"""
