"""Patient identifiers in texts: found by rules, lists, a trained tagger and the record's own fields, in one pass."""
